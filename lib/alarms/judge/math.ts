/** The value of one period; `undefined` if there is none. */
export type Value = number | undefined;

/**
 * Evaluates the part of metric math that our alarms use, period by period: arithmetic, comparisons, AND, OR,
 * IF(condition, then, else) and FILL(metric, value). Throws on anything else, because a wrong guess would watch
 * something other than CloudWatch does.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */
export function evaluateMath(expression: string, metrics: Record<string, Value>): Value {
  const tokens = tokensOf(expression);
  const value = disjunction();
  if (tokens.length > 0) throw new Error(`metric math: unexpected ${tokens[0]} in ${expression}`);
  return value;

  function chain(operand: () => Value, operators: Record<string, (a: number, b: number) => number>): Value {
    let left = operand();
    for (;;) {
      const operator = operators[tokens[0] ?? ''];
      if (!operator) return left;
      tokens.shift();
      const right = operand();
      left = left === undefined || right === undefined ? undefined : finite(operator(left, right));
    }
  }

  function disjunction(): Value {
    return chain(conjunction, { OR: or, '||': or });
  }
  function conjunction(): Value {
    return chain(comparison, { AND: and, '&&': and });
  }
  function comparison(): Value {
    return chain(sum, COMPARISONS);
  }
  function sum(): Value {
    return chain(product, { '+': (a, b) => a + b, '-': (a, b) => a - b });
  }
  function product(): Value {
    return chain(primary, { '*': (a, b) => a * b, '/': (a, b) => a / b });
  }

  function primary(): Value {
    const token = tokens.shift();
    if (token === '(') {
      const inner = disjunction();
      take(')');
      return inner;
    }
    if (token !== undefined && /^\d/.test(token)) return Number(token);
    if (token === 'IF' || token === 'FILL') return call(token);
    if (token !== undefined && token in metrics) return metrics[token];
    throw new Error(`metric math: unexpected ${token ?? 'end'} in ${expression}`);
  }

  function call(name: 'IF' | 'FILL'): Value {
    take('(');
    const [first, second, third] = name === 'IF' ? list(3) : list(2);
    take(')');
    if (name === 'FILL') return first ?? second;
    if (first === undefined) return undefined;
    return first === 0 ? third : second;
  }

  function list(count: number): Value[] {
    const values = [disjunction()];
    while (values.length < count) {
      take(',');
      values.push(disjunction());
    }
    return values;
  }

  function take(token: string): void {
    if (tokens.shift() !== token) throw new Error(`metric math: missing ${token} in ${expression}`);
  }
}

/** A division by zero has no value. */
const finite = (value: number): Value => (Number.isFinite(value) ? value : undefined);
const truth = (holds: boolean): number => (holds ? 1 : 0);
const or = (a: number, b: number): number => truth(a !== 0 || b !== 0);
const and = (a: number, b: number): number => truth(a !== 0 && b !== 0);
const COMPARISONS: Record<string, (a: number, b: number) => number> = {
  '>=': (a, b) => truth(a >= b),
  '<=': (a, b) => truth(a <= b),
  '==': (a, b) => truth(a === b),
  '!=': (a, b) => truth(a !== b),
  '>': (a, b) => truth(a > b),
  '<': (a, b) => truth(a < b),
};

function tokensOf(expression: string): string[] {
  const tokens = expression.match(/\d+(?:\.\d+)?|[A-Za-z]\w*|>=|<=|==|!=|&&|\|\||[-+*/(),<>]|\S/g) ?? [];
  return [...tokens];
}

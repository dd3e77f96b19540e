import { evaluateMath } from '../../../../lib/alarms/judge/math';

test.each<[string, Record<string, number | undefined>, number | undefined]>([
  ['visible + inFlight', { visible: 2, inFlight: 3 }, 5],
  ['a + b * 2 - c / 4', { a: 1, b: 2, c: 8 }, 3],
  ['(a + b) * 2', { a: 1, b: 2 }, 6],
  ['IF(a >= 2 AND b == 0, 1, 0)', { a: 2, b: 0 }, 1],
  ['IF(a >= 2 AND b == 0, 1, 0)', { a: 2, b: 1 }, 0],
  ['IF(a > 2 OR b > 0, 1, 0)', { a: 2, b: 1 }, 1],
  ['IF(FILL(a, 0) == 0, 7, 8)', { a: undefined }, 7],
  ['a + b', { a: 1, b: undefined }, undefined],
  ['100 * a / b', { a: 1, b: 0 }, undefined],
  ['IF(b >= 100, 100 * a / b, 0)', { a: 0, b: 0 }, 0],
  ['IF(a < 1, 1.5, 0)', { a: undefined }, undefined],
])('%s of %p', (expression, metrics, expected) => {
  expect(evaluateMath(expression, metrics)).toBe(expected);
});

test.each(['SEARCH(a)', 'a +', 'a b', 'IF(a, 1)', '(a', 'unknown', 'a ? 1'])('%s is refused', (expression) => {
  expect(() => evaluateMath(expression, { a: 1 })).toThrow('metric math');
});

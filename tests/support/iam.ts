import type { CompiledTemplate } from './sls';

const PSEUDO: Record<string, string> = {
  Partition: 'aws',
  Region: 'us-east-1',
  AccountId: '123456789012',
  URLSuffix: 'amazonaws.com',
};

interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, string | unknown[]>>;
}

export interface Request {
  action: string;
  resource: string;
  /** The values of the condition keys. */
  context?: Record<string, string[]>;
}

/**
 * Answers whether a function's role in a compiled template allows a request. It knows the IAM rules that our statements
 * use. An unknown operator is an error, so that no condition counts as met unread.
 */
export function permissionsOf(template: CompiledTemplate, role: string): (request: Request) => boolean {
  const properties = template.Resources[role]?.Properties as {
    Policies: { PolicyDocument: { Statement: Statement[] } }[];
    ManagedPolicyArns: unknown[];
  };
  if (properties.ManagedPolicyArns.length > 0) throw new Error(`${role} has managed policies`);
  const statements = properties.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  return (request) => {
    const matching = statements.filter((statement) => matches(template, statement, request));
    return matching.some(({ Effect }) => Effect === 'Allow') && !matching.some(({ Effect }) => Effect === 'Deny');
  };
}

const matches = (
  template: CompiledTemplate,
  { Action, Resource, Condition = {} }: Statement,
  request: Request,
): boolean =>
  [Action].flat().some((action) => like(action, request.action)) &&
  [Resource].flat().some((resource) => like(text(template, resource), request.resource)) &&
  Object.entries(Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) =>
      holds(
        operator,
        [values].flat().map((value) => text(template, value)),
        request.context?.[key] ?? [],
      ),
    ),
  );

function holds(operator: string, allowed: string[], given: string[]): boolean {
  const one = (value: string) => allowed.some((pattern) => like(pattern, value));
  switch (operator) {
    case 'ForAllValues:StringLike':
      return given.every(one);
    case 'StringLike':
      return given.length > 0 && given.some(one);
    case 'StringEquals':
      return given.some((value) => allowed.includes(value));
    case 'Null':
      return allowed.includes(String(given.length === 0));
    default:
      throw new Error(`condition operator ${operator} is not known`);
  }
}

const like = (pattern: string, value: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(value);

/** A string, `Fn::Sub` of pseudo parameters, or `Fn::GetAtt` of a queue's ARN. */
function text(template: CompiledTemplate, value: unknown): string {
  if (typeof value === 'string') return value;
  const { 'Fn::Sub': sub, 'Fn::GetAtt': attribute } = value as { 'Fn::Sub'?: string; 'Fn::GetAtt'?: [string, string] };
  if (attribute?.[1] === 'Arn')
    return `arn:aws:sqs:${PSEUDO.Region}:${PSEUDO.AccountId}:${template.Resources[attribute[0]]?.Properties.QueueName}`;
  if (sub === undefined) throw new Error(`${JSON.stringify(value)} cannot be resolved`);
  return sub.replace(/\$\{AWS::(\w+)\}/g, (_all, name: string) => PSEUDO[name] ?? name);
}

export interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
}

export interface Surroundings {
  resources: Record<string, Resource>;
  region: string;
  account: string;
  /** Start of the queues' URLs, e.g. `http://127.0.0.1:9324`. */
  sqsUrl: string;
}

/** For each type that a value may refer to: the property with its name, its service, and its ARN before the name. */
const KINDS: Record<string, [property: string, service: string, prefix: string]> = {
  'AWS::SQS::Queue': ['QueueName', 'sqs', ''],
  'AWS::DynamoDB::Table': ['TableName', 'dynamodb', 'table/'],
  'AWS::Lambda::Function': ['FunctionName', 'lambda', 'function:'],
  'AWS::SNS::Topic': ['TopicName', 'sns', ''],
};

export type Resolve = (value: unknown) => unknown;

/** Resolves the template's intrinsics for this machine. Throws on an unknown one: a guess could run something else. */
export function resolver({ resources, region, account, sqsUrl }: Surroundings): Resolve {
  const pseudo: Record<string, string> = {
    'AWS::Region': region,
    'AWS::AccountId': account,
    'AWS::Partition': 'aws',
    'AWS::StackName': 'local',
  };

  function attribute(logicalId: string, name: string): string {
    const resource = resources[logicalId];
    if (!resource) throw new Error(`template: ${logicalId} is referenced but not declared`);
    const [property = '', service = '', prefix = ''] = KINDS[resource.Type] ?? [];
    const own = String(resolve(resource.Properties?.[property]));
    const url = service === 'sqs' ? `${sqsUrl}/${account}/${own}` : undefined;
    const arn = service && `arn:aws:${service}:${region}:${account}:${prefix}${own}`;
    const ref = service === 'sns' ? arn : service && (url ?? own);
    const value = new Map([
      ['Ref', ref],
      ['Arn', arn],
      ['QueueUrl', url],
      [property, own],
    ]).get(name);
    if (!value) throw new Error(`template: ${logicalId}: ${resource.Type} has no ${name} here`);
    return value;
  }
  const ref = (name: string): string => pseudo[name] ?? attribute(name, 'Ref');

  const functions: Record<string, (argument: unknown) => string> = {
    Ref: (argument) => ref(String(argument)),
    'Fn::GetAtt': (argument) => {
      const [logicalId = '', name = ''] = argument as string[];
      return attribute(logicalId, name);
    },
    'Fn::Sub': (argument) =>
      String(argument).replace(/\$\{([^}.]+)(?:\.([^}]+))?\}/g, (_, name: string, of?: string) =>
        of === undefined ? ref(name) : attribute(name, of),
      ),
    'Fn::Join': (argument) => {
      const [separator, parts] = argument as [string, unknown[]];
      return parts.map((part) => String(resolve(part))).join(separator);
    },
  };

  function resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [key = '', argument] = entries[0] ?? [];
    if (key !== 'Ref' && !key.startsWith('Fn::'))
      return Object.fromEntries(entries.map(([name, inner]) => [name, resolve(inner)]));
    const call = functions[key];
    if (!call) throw new Error(`template: ${key} is not supported here`);
    return call(argument);
  }

  return resolve;
}

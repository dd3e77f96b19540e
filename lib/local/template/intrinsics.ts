/** One resource of a compiled CloudFormation template. */
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

export type Resolve = (value: unknown) => unknown;

/**
 * Resolves Ref, GetAtt, Sub, Join and the pseudo parameters as the template uses them, for this machine. It throws on
 * anything unknown and names it, because a wrong guess would run something other than the deployment.
 */
export function resolver({ resources, region, account, sqsUrl }: Surroundings): Resolve {
  const pseudo: Record<string, string> = {
    'AWS::Region': region,
    'AWS::AccountId': account,
    'AWS::Partition': 'aws',
    'AWS::StackName': 'local',
  };
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${account}:${resource}`;
  /** For each supported type: the property with its name, and the values of Ref and GetAtt. */
  const kinds: Record<string, [named: string, of: (name: string) => Record<string, string>]> = {
    'AWS::SQS::Queue': [
      'QueueName',
      (name) => ({
        Ref: `${sqsUrl}/${account}/${name}`,
        QueueUrl: `${sqsUrl}/${account}/${name}`,
        QueueName: name,
        Arn: arn('sqs', name),
      }),
    ],
    'AWS::DynamoDB::Table': ['TableName', (name) => ({ Ref: name, Arn: arn('dynamodb', `table/${name}`) })],
    'AWS::Lambda::Function': ['FunctionName', (name) => ({ Ref: name, Arn: arn('lambda', `function:${name}`) })],
    'AWS::SNS::Topic': ['TopicName', (name) => ({ Ref: arn('sns', name) })],
  };

  function attribute(logicalId: string, name: string): string {
    const resource = resources[logicalId];
    if (!resource) throw new Error(`template: ${logicalId} is referenced but not declared`);
    const [named = '', of] = kinds[resource.Type] ?? [];
    const value = of?.(String(resolve(resource.Properties?.[named])))[name];
    if (value === undefined) throw new Error(`template: ${logicalId}: ${resource.Type} has no ${name} here`);
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

/** One resource of a compiled CloudFormation template. */
export interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
}

export interface Surroundings {
  resources: Record<string, Resource>;
  region: string;
  account: string;
  stack: string;
  /** Start of the queues' URLs, e.g. `http://127.0.0.1:9324`. */
  sqsUrl: string;
}

export type Resolve = (value: unknown) => unknown;

type Attributes = (name: string, at: Surroundings) => Record<string, string>;

const arn = (service: string, resource: string, at: Surroundings): string =>
  `arn:aws:${service}:${at.region}:${at.account}:${resource}`;

/** The values of Ref and GetAtt for each supported type, and the property with its name. */
const kinds: Record<string, { named: string; attributes: Attributes }> = {
  'AWS::SQS::Queue': {
    named: 'QueueName',
    attributes: (name, at) => {
      const url = `${at.sqsUrl}/${at.account}/${name}`;
      return { Ref: url, QueueUrl: url, QueueName: name, Arn: arn('sqs', name, at) };
    },
  },
  'AWS::DynamoDB::Table': {
    named: 'TableName',
    attributes: (name, at) => ({ Ref: name, Arn: arn('dynamodb', `table/${name}`, at) }),
  },
  'AWS::Lambda::Function': {
    named: 'FunctionName',
    attributes: (name, at) => ({ Ref: name, Arn: arn('lambda', `function:${name}`, at) }),
  },
  'AWS::SNS::Topic': {
    named: 'TopicName',
    attributes: (name, at) => ({ Ref: arn('sns', name, at), TopicName: name, TopicArn: arn('sns', name, at) }),
  },
  'AWS::S3::Bucket': {
    named: 'BucketName',
    attributes: (name) => ({ Ref: name, Arn: `arn:aws:s3:::${name}` }),
  },
};

/**
 * Resolves Ref, GetAtt, Sub, Join and the pseudo parameters like CloudFormation, for this machine. It throws on
 * anything unknown and names it, because a wrong guess would run something other than the deployment.
 */
export function resolver(at: Surroundings): Resolve {
  const pseudo: Record<string, string> = {
    'AWS::Region': at.region,
    'AWS::AccountId': at.account,
    'AWS::Partition': 'aws',
    'AWS::StackName': at.stack,
    'AWS::URLSuffix': 'amazonaws.com',
  };

  function attribute(logicalId: string, name: string): string {
    const resource = at.resources[logicalId];
    if (!resource) throw new Error(`template: ${logicalId} is referenced but not declared`);
    const kind = kinds[resource.Type];
    if (!kind) throw new Error(`template: ${logicalId}: a reference to ${resource.Type} is not supported here`);
    const physical = resolve(resource.Properties?.[kind.named] ?? logicalId);
    if (typeof physical !== 'string') throw new Error(`template: ${logicalId}.${kind.named} must be a string`);
    const value = kind.attributes(physical, at)[name];
    if (value === undefined) throw new Error(`template: ${logicalId}: ${resource.Type} has no attribute ${name}`);
    return value;
  }

  const ref = (name: string): string => pseudo[name] ?? attribute(name, 'Ref');

  function getAtt(argument: unknown): string {
    const path = Array.isArray(argument) ? argument.map(String) : String(argument).split('.');
    const [logicalId = '', ...name] = path;
    return attribute(logicalId, name.join('.'));
  }

  function sub(argument: unknown): string {
    const [text, own] = Array.isArray(argument) ? argument : [argument, {}];
    const map = new Map(Object.entries((own ?? {}) as Record<string, unknown>));
    return String(text).replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (map.has(name)) return String(resolve(map.get(name)));
      return name.includes('.') ? getAtt(name) : ref(name);
    });
  }

  function join(argument: unknown): string {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map((part) => String(resolve(part))).join(separator);
  }

  const functions: Record<string, (argument: unknown) => string> = {
    Ref: (argument) => ref(String(argument)),
    'Fn::GetAtt': getAtt,
    'Fn::Sub': sub,
    'Fn::Join': join,
  };

  function resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [key, argument] = entries[0] ?? [];
    if (entries.length === 1 && key !== undefined && (key === 'Ref' || key.startsWith('Fn::'))) {
      const call = functions[key];
      if (!call) throw new Error(`template: ${key} is not supported here`);
      return call(argument);
    }
    return Object.fromEntries(entries.map(([name, inner]) => [name, resolve(inner)]));
  }

  return resolve;
}

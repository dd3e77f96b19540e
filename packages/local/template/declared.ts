import { basename } from 'node:path';
import * as z from 'zod';
import { producerSettings } from '../../../lib/platform/config/common';
import { ACCOUNT, REGION } from '../loopback';

export type Declared = ReturnType<typeof declared>;
export type DeclaredFunction = Declared['functions'][number];

const functionProperties = z.object({
  FunctionName: z.string(),
  Handler: z.string(),
  Timeout: z.number(),
  MemorySize: z.number(),
  Code: z.object({ S3Key: z.string() }),
  Environment: z.object({ Variables: z.record(z.string(), z.coerce.string()) }).default({ Variables: {} }),
  ReservedConcurrentExecutions: z.number().optional(),
});

const mappingProperties = z.object({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  BatchSize: z.number(),
  Enabled: z.boolean(),
  ScalingConfig: z.object({ MaximumConcurrency: z.number().optional() }).default({}),
});

type Properties = NonNullable<Resource['Properties']>;

/** Reads what this machine can run from the template. Throws an error that names what it cannot resolve. */
export function declared(resources: Record<string, Resource>, sqsUrl: string) {
  const resolve = resolver({ resources, region: REGION, account: ACCOUNT, sqsUrl });
  const attribute = (id: string, name: string) => String(resolve({ 'Fn::GetAtt': [id, name] }));
  const ofType = <T>(type: string, read: (properties: Properties, id: string) => T): T[] =>
    Object.entries(resources).flatMap(([id, { Type, Properties = {} }]) =>
      Type === type ? [read(Properties, id)] : [],
    );

  const schedules = ofType('AWS::Events::Rule', ({ ScheduleExpression, Targets }) => ({
    expression: ScheduleExpression as string | undefined,
    target: ScheduleExpression && resolve((Targets as { Arn: unknown }[])[0]?.Arn),
  }));
  const functions = ofType('AWS::Lambda::Function', ({ Environment, ...rest }, id) => {
    // Its role does not exist here, and neither does the bucket of its code.
    const read = functionProperties.parse({ ...rest, Environment: resolve(Environment) });
    const { Environment: environment, Code, ...properties } = read;
    const arn = attribute(id, 'Arn');
    return {
      ...properties,
      arn,
      /** In serverless.yml. The zip of its code, which is beside the template, has this name too. */
      key: basename(Code.S3Key, '.zip'),
      environment: environment.Variables,
      schedule: schedules.find(({ target }) => target === arn)?.expression,
    };
  });
  const [producer] = ofType('AWS::SSM::Parameter', ({ Value }) => JSON.parse(String(resolve(Value))) as unknown);
  // On this machine the name of the secret is the key.
  const [key = ''] = ofType('AWS::Events::Connection', (of) =>
    String(/resolve:secretsmanager:([^}]+)/.exec(JSON.stringify(of))?.[1]),
  );
  return {
    queues: ofType('AWS::SQS::Queue', ({ QueueName: _name, Tags: _tags, ...properties }, id) => ({
      name: attribute(id, 'QueueName'),
      attributes: textsOf(resolve(properties) as Properties),
    })),
    tables: ofType('AWS::DynamoDB::Table', (properties) => {
      const { TableName, BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes } = properties;
      const create = { TableName, BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes };
      return resolve(create) as typeof create;
    }),
    functions,
    mappings: ofType('AWS::Lambda::EventSourceMapping', (properties) => {
      const mapping = mappingProperties.parse(resolve(properties));
      const worker = functions.find(({ FunctionName, arn }) => [FunctionName, arn].includes(mapping.FunctionName));
      if (!worker) throw new Error(`template: there is no function ${mapping.FunctionName}`);
      return {
        queue: basename(mapping.EventSourceArn.replaceAll(':', '/')),
        worker,
        batchSize: mapping.BatchSize,
        enabled: mapping.Enabled,
        maximumConcurrency: mapping.ScalingConfig.MaximumConcurrency,
      };
    }),
    buses: ofType('AWS::Events::EventBus', ({ Name }) => String(resolve(Name))),
    webhook: ofType('AWS::Events::ApiDestination', ({ InvocationEndpoint: url }) => ({ url: String(url), key }))[0],
    producer: producerSettings.parse(producer),
  };
}

const textsOf = (properties: Properties): Record<string, string> =>
  Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name,
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]),
  );

export interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
}

interface Surroundings {
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
  'AWS::KMS::Key': ['Description', 'kms', 'key/'],
  'AWS::Events::ApiDestination': ['Name', 'events', 'api-destination/'],
};

/** Resolves the template's intrinsics for this machine. Throws on an unknown one: a guess could run something else. */
export function resolver({ resources, region, account, sqsUrl }: Surroundings): (value: unknown) => unknown {
  const pseudo: Record<string, string> = {
    'AWS::Region': region,
    'AWS::AccountId': account,
    'AWS::Partition': 'aws',
    'AWS::StackName': 'local',
  };

  function attribute(logicalId: string, name: string): string {
    const { Type, Properties } = resources[logicalId] ?? { Type: 'nothing' };
    const [property = '', service, prefix] = KINDS[Type] ?? [];
    const own = String(resolve(Properties?.[property]));
    const Arn = `arn:aws:${service}:${region}:${account}:${prefix}${own}`;
    const of: Record<string, string> = { Ref: own, Arn, [property]: own };
    if (service === 'sqs') of.Ref = `${sqsUrl}/${account}/${own}`;
    if (service === 'sns') of.Ref = Arn;
    if (!service || !of[name]) throw new Error(`template: ${logicalId} is ${Type}, which has no ${name} here`);
    return of[name];
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

import { basename } from 'node:path';
import * as z from 'zod';
import { type Resolve, type Resource, resolver, type Surroundings } from './intrinsics';

/** A queue, with its attributes in the form of CreateQueue. */
export interface DeclaredQueue {
  name: string;
  arn: string;
  url: string;
  attributes: Record<string, string>;
}

export interface DeclaredTable {
  name: string;
  /** The properties of CreateTable, secondary indexes included. */
  create: Record<string, unknown>;
  /** The attribute that says when an item expires. */
  ttl?: string;
}

export interface DeclaredFunction {
  /** The key in serverless.yml. */
  key: string;
  name: string;
  arn: string;
  handler: string;
  timeoutSeconds: number;
  memoryMb: number;
  environment: Record<string, string>;
  /** File name of the zip beside the template. */
  artifact: string;
  reservedConcurrency?: number;
}

export interface DeclaredMapping {
  queue: string;
  functionKey: string;
  batchSize: number;
  partialResponses: boolean;
  maximumConcurrency?: number;
  enabled: boolean;
}

export interface DeclaredSchedule {
  functionKey: string;
  expression: string;
}

/** The parts of the template that this machine can run. */
export interface Declared {
  queues: DeclaredQueue[];
  tables: DeclaredTable[];
  functions: DeclaredFunction[];
  mappings: DeclaredMapping[];
  schedules: DeclaredSchedule[];
  /** Names of EventBridge buses. */
  buses: string[];
}

/** Properties of a queue that SQS does not know. */
const notAttributes = new Set(['QueueName', 'Tags']);
const tableProperties = [
  'AttributeDefinitions',
  'KeySchema',
  'BillingMode',
  'GlobalSecondaryIndexes',
  'LocalSecondaryIndexes',
];

const ttlProperties = z
  .object({ AttributeName: z.string().optional(), Enabled: z.boolean() })
  .default({ Enabled: false });

const functionProperties = z.object({
  FunctionName: z.string(),
  Handler: z.string(),
  Timeout: z.number().default(3),
  MemorySize: z.number().default(128),
  Code: z.object({ S3Key: z.string() }),
  Environment: z.object({ Variables: z.record(z.string(), z.coerce.string()) }).optional(),
  ReservedConcurrentExecutions: z.number().optional(),
});

const mappingProperties = z.object({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  BatchSize: z.number().default(10),
  Enabled: z.boolean().default(true),
  FunctionResponseTypes: z.array(z.string()).default([]),
  ScalingConfig: z.object({ MaximumConcurrency: z.number() }).optional(),
});

const ruleProperties = z.object({
  ScheduleExpression: z.string().optional(),
  State: z.string().default('ENABLED'),
  Targets: z.array(z.object({ Arn: z.string() })),
});

/** Reads what this machine can run from the template. Throws an error that names what it cannot resolve. */
export function declared(surroundings: Surroundings): Declared {
  const resolve = resolver(surroundings);
  const ofType = (type: string): [string, Resource][] =>
    Object.entries(surroundings.resources).filter(([, resource]) => resource.Type === type);
  const functions = ofType('AWS::Lambda::Function').map(([id, resource]) => lambdaFunction(id, resource, resolve));
  const keyOf = (reference: string): string => {
    const found = functions.find(({ name, arn }) => reference === name || reference === arn);
    if (!found) throw new Error(`template: there is no function ${reference}`);
    return found.key;
  };
  return {
    queues: ofType('AWS::SQS::Queue').map(([id, resource]) => queue(id, resource, resolve)),
    tables: ofType('AWS::DynamoDB::Table').map(([id, resource]) => table(id, resource, resolve)),
    functions,
    buses: ofType('AWS::Events::EventBus').map(([, { Properties }]) => String(resolve(Properties?.Name))),
    mappings: ofType('AWS::Lambda::EventSourceMapping').map(([, { Properties }]) => {
      const mapping = mappingProperties.parse(resolve(Properties));
      return {
        queue: mapping.EventSourceArn.split(':').at(-1) ?? '',
        functionKey: keyOf(mapping.FunctionName),
        batchSize: mapping.BatchSize,
        partialResponses: mapping.FunctionResponseTypes.includes('ReportBatchItemFailures'),
        enabled: mapping.Enabled,
        ...(mapping.ScalingConfig && { maximumConcurrency: mapping.ScalingConfig.MaximumConcurrency }),
      };
    }),
    schedules: ofType('AWS::Events::Rule').flatMap(([, { Properties }]) => {
      const { ScheduleExpression, State, Targets } = ruleProperties.parse(
        resolve({ ...Properties, EventPattern: undefined }),
      );
      if (!ScheduleExpression || State !== 'ENABLED') return [];
      return Targets.map(({ Arn }) => ({ functionKey: keyOf(Arn), expression: ScheduleExpression }));
    }),
  };
}

function queue(id: string, { Properties = {} }: Resource, resolve: Resolve): DeclaredQueue {
  const attributes = Object.entries(Properties)
    .filter(([name]) => !notAttributes.has(name))
    .map(([name, value]) => {
      const resolved = resolve(value);
      return [name, typeof resolved === 'object' ? JSON.stringify(resolved) : String(resolved)];
    });
  const of = (attribute: string) => String(resolve({ 'Fn::GetAtt': [id, attribute] }));
  return {
    name: of('QueueName'),
    arn: of('Arn'),
    url: of('QueueUrl'),
    attributes: Object.fromEntries(attributes),
  };
}

function table(id: string, { Properties = {} }: Resource, resolve: Resolve): DeclaredTable {
  const create = tableProperties.flatMap((name) =>
    Properties[name] === undefined ? [] : [[name, resolve(Properties[name])]],
  );
  const { AttributeName, Enabled } = ttlProperties.parse(resolve(Properties.TimeToLiveSpecification));
  return {
    name: String(resolve({ Ref: id })),
    create: Object.fromEntries(create),
    ...(Enabled && AttributeName !== undefined ? { ttl: AttributeName } : {}),
  };
}

function lambdaFunction(id: string, { Properties = {} }: Resource, resolve: Resolve): DeclaredFunction {
  const { FunctionName, Handler, Timeout, MemorySize, Code, Environment, ReservedConcurrentExecutions } = Properties;
  // Resolve only these properties. Others refer to resources that do not exist here, such as the role.
  const parsed = functionProperties.parse({
    FunctionName: resolve(FunctionName),
    Handler,
    Timeout,
    MemorySize,
    Code: { S3Key: resolve((Code as { S3Key?: unknown } | undefined)?.S3Key) },
    Environment: resolve(Environment),
    ReservedConcurrentExecutions,
  });
  const artifact = basename(parsed.Code.S3Key);
  return {
    key: basename(artifact, '.zip'),
    name: parsed.FunctionName,
    arn: String(resolve({ 'Fn::GetAtt': [id, 'Arn'] })),
    handler: parsed.Handler,
    timeoutSeconds: parsed.Timeout,
    memoryMb: parsed.MemorySize,
    environment: parsed.Environment?.Variables ?? {},
    artifact,
    ...(parsed.ReservedConcurrentExecutions !== undefined && {
      reservedConcurrency: parsed.ReservedConcurrentExecutions,
    }),
  };
}

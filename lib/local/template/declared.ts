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
/** Properties of a table that CreateTable takes. */
const tableProperties = ['AttributeDefinitions', 'KeySchema', 'BillingMode', 'GlobalSecondaryIndexes'];

const ttlProperties = z.object({ AttributeName: z.string() }).optional();

const functionProperties = z.object({
  FunctionName: z.string(),
  Handler: z.string(),
  Timeout: z.number(),
  MemorySize: z.number(),
  Code: z.object({ S3Key: z.string() }),
  Environment: z.object({ Variables: z.record(z.string(), z.coerce.string()) }).optional(),
  ReservedConcurrentExecutions: z.number().optional(),
});

const mappingProperties = z.object({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  BatchSize: z.number(),
  Enabled: z.boolean(),
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
  const ofType = (type: string): [string, Properties][] =>
    Object.entries(surroundings.resources).flatMap(([id, { Type, Properties = {} }]) =>
      Type === type ? [[id, Properties]] : [],
    );
  const functions = ofType('AWS::Lambda::Function').map(([id, properties]) => lambdaFunction(id, properties, resolve));
  const keyOf = (reference: string): string => {
    const found = functions.find(({ name, arn }) => reference === name || reference === arn);
    if (!found) throw new Error(`template: there is no function ${reference}`);
    return found.key;
  };
  return {
    queues: ofType('AWS::SQS::Queue').map(([id, properties]) => queue(id, properties, resolve)),
    tables: ofType('AWS::DynamoDB::Table').map(([id, properties]) => table(id, properties, resolve)),
    functions,
    buses: ofType('AWS::Events::EventBus').map(([, { Name }]) => String(resolve(Name))),
    mappings: ofType('AWS::Lambda::EventSourceMapping').map(([, properties]) => {
      const mapping = mappingProperties.parse(resolve(properties));
      return {
        queue: mapping.EventSourceArn.split(':').at(-1) ?? '',
        functionKey: keyOf(mapping.FunctionName),
        batchSize: mapping.BatchSize,
        partialResponses: mapping.FunctionResponseTypes.includes('ReportBatchItemFailures'),
        enabled: mapping.Enabled,
        ...(mapping.ScalingConfig && { maximumConcurrency: mapping.ScalingConfig.MaximumConcurrency }),
      };
    }),
    schedules: ofType('AWS::Events::Rule').flatMap(([, properties]) => {
      const { ScheduleExpression, State, Targets } = ruleProperties.parse(
        resolve({ ...properties, EventPattern: undefined }),
      );
      if (!ScheduleExpression || State !== 'ENABLED') return [];
      return Targets.map(({ Arn }) => ({ functionKey: keyOf(Arn), expression: ScheduleExpression }));
    }),
  };
}

type Properties = NonNullable<Resource['Properties']>;

function queue(id: string, properties: Properties, resolve: Resolve): DeclaredQueue {
  const attributes = Object.entries(properties)
    .filter(([name]) => !notAttributes.has(name))
    .map(([name, value]) => {
      const resolved = resolve(value);
      return [name, typeof resolved === 'object' ? JSON.stringify(resolved) : String(resolved)];
    });
  const of = (attribute: string) => String(resolve({ 'Fn::GetAtt': [id, attribute] }));
  return { name: of('QueueName'), arn: of('Arn'), url: of('QueueUrl'), attributes: Object.fromEntries(attributes) };
}

function table(id: string, properties: Properties, resolve: Resolve): DeclaredTable {
  const create = tableProperties.flatMap((name) => (name in properties ? [[name, resolve(properties[name])]] : []));
  const ttl = ttlProperties.parse(properties.TimeToLiveSpecification)?.AttributeName;
  return {
    name: String(resolve({ Ref: id })),
    create: Object.fromEntries(create),
    ...(ttl === undefined ? {} : { ttl }),
  };
}

function lambdaFunction(id: string, properties: Properties, resolve: Resolve): DeclaredFunction {
  const { Environment, ...rest } = properties;
  // Its role does not exist here, and neither does the bucket of its code.
  const parsed = functionProperties.parse({ ...rest, Environment: resolve(Environment) });
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

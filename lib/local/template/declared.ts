import { basename } from 'node:path';
import * as z from 'zod';
import { type ProducerSettings, producerSettings } from '../../config/producer';
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
  /** The expression of its schedule. */
  schedule?: string;
}

export interface DeclaredMapping {
  queue: string;
  worker: DeclaredFunction;
  batchSize: number;
  maximumConcurrency?: number;
  enabled: boolean;
}

/** The parts of the template that this machine can run. */
export interface Declared {
  queues: DeclaredQueue[];
  tables: DeclaredTable[];
  functions: DeclaredFunction[];
  mappings: DeclaredMapping[];
  /** Names of EventBridge buses. */
  buses: string[];
  /** What the stack tells producers. */
  producer: ProducerSettings;
}

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
  FunctionResponseTypes: z.tuple([z.literal('ReportBatchItemFailures')]),
  ScalingConfig: z.object({ MaximumConcurrency: z.number() }).optional(),
});

const ruleProperties = z.object({
  ScheduleExpression: z.string().optional(),
  State: z.string().default('ENABLED'),
  Targets: z.array(z.object({ Arn: z.string() })),
});

type Properties = NonNullable<Resource['Properties']>;

/** Reads what this machine can run from the template. Throws an error that names what it cannot resolve. */
export function declared(surroundings: Surroundings): Declared {
  const resolve = resolver(surroundings);
  const ofType = (type: string): [string, Properties][] =>
    Object.entries(surroundings.resources).flatMap(([id, { Type, Properties = {} }]) =>
      Type === type ? [[id, Properties]] : [],
    );
  const schedules = ofType('AWS::Events::Rule').flatMap(([, properties]) => {
    const rule = ruleProperties.parse(resolve({ ...properties, EventPattern: undefined }));
    const runs = rule.ScheduleExpression && rule.State === 'ENABLED';
    return runs ? rule.Targets.map(({ Arn }) => [Arn, rule.ScheduleExpression] as const) : [];
  });
  const functions = ofType('AWS::Lambda::Function').map(([id, properties]) => {
    const worker = lambdaFunction(id, properties, resolve);
    const schedule = new Map(schedules).get(worker.arn);
    return { ...worker, ...(schedule !== undefined && { schedule }) };
  });
  const [[, parameter] = []] = ofType('AWS::SSM::Parameter');
  return {
    queues: ofType('AWS::SQS::Queue').map(([id, properties]) => queue(id, properties, resolve)),
    tables: ofType('AWS::DynamoDB::Table').map(([id, properties]) => ({
      name: String(resolve({ Ref: id })),
      create: tableProperties.parse(resolve(properties)),
    })),
    functions,
    buses: ofType('AWS::Events::EventBus').map(([, { Name }]) => String(resolve(Name))),
    mappings: ofType('AWS::Lambda::EventSourceMapping').map(([, properties]) => {
      const mapping = mappingProperties.parse(resolve(properties));
      const worker = functions.find(({ name, arn }) => [name, arn].includes(mapping.FunctionName));
      if (!worker) throw new Error(`template: there is no function ${mapping.FunctionName}`);
      return {
        queue: mapping.EventSourceArn.split(':').at(-1) ?? '',
        worker,
        batchSize: mapping.BatchSize,
        enabled: mapping.Enabled,
        ...(mapping.ScalingConfig && { maximumConcurrency: mapping.ScalingConfig.MaximumConcurrency }),
      };
    }),
    producer: producerSettings.parse(JSON.parse(String(resolve(parameter?.Value)))),
  };
}

/** The properties of a table that CreateTable takes. */
const tableProperties = z.object({
  AttributeDefinitions: z.unknown(),
  KeySchema: z.unknown(),
  BillingMode: z.unknown(),
  GlobalSecondaryIndexes: z.unknown(),
});

function queue(
  id: string,
  { QueueName: _name, Tags: _tags, ...properties }: Properties,
  resolve: Resolve,
): DeclaredQueue {
  const attributes = Object.entries(properties).map(([name, value]) => {
    const resolved = resolve(value);
    return [name, typeof resolved === 'object' ? JSON.stringify(resolved) : String(resolved)];
  });
  const of = (attribute: string) => String(resolve({ 'Fn::GetAtt': [id, attribute] }));
  return { name: of('QueueName'), arn: of('Arn'), url: of('QueueUrl'), attributes: Object.fromEntries(attributes) };
}

function lambdaFunction(id: string, { Environment, ...rest }: Properties, resolve: Resolve): DeclaredFunction {
  // Its role does not exist here, and neither does the bucket of its code.
  const properties = functionProperties.parse({ ...rest, Environment: resolve(Environment) });
  const artifact = basename(properties.Code.S3Key);
  const { ReservedConcurrentExecutions: reservedConcurrency } = properties;
  return {
    key: basename(artifact, '.zip'),
    name: properties.FunctionName,
    arn: String(resolve({ 'Fn::GetAtt': [id, 'Arn'] })),
    handler: properties.Handler,
    timeoutSeconds: properties.Timeout,
    memoryMb: properties.MemorySize,
    environment: properties.Environment?.Variables ?? {},
    artifact,
    ...(reservedConcurrency !== undefined && { reservedConcurrency }),
  };
}

import { basename } from 'node:path';
import * as z from 'zod';
import { producerSettings } from '../../../lib/config/producer';
import { type Resource, resolver, type Surroundings } from './intrinsics';

/** The parts of the template that this machine can run. */
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
  FunctionResponseTypes: z.tuple([z.literal('ReportBatchItemFailures')]),
  ScalingConfig: z.object({ MaximumConcurrency: z.number().optional() }).default({}),
});

const ruleProperties = z.object({
  ScheduleExpression: z.string().optional(),
  State: z.string().default('ENABLED'),
  Targets: z.array(z.object({ Arn: z.string() })),
});

const tableProperties = z.object({
  AttributeDefinitions: z.unknown(),
  KeySchema: z.unknown(),
  BillingMode: z.unknown(),
  GlobalSecondaryIndexes: z.unknown(),
});

type Properties = NonNullable<Resource['Properties']>;

/** Reads what this machine can run from the template. Throws an error that names what it cannot resolve. */
export function declared(surroundings: Surroundings) {
  const resolve = resolver(surroundings);
  const attribute = (id: string, name: string) => String(resolve({ 'Fn::GetAtt': [id, name] }));
  const ofType = <T>(type: string, read: (properties: Properties, id: string) => T): T[] =>
    Object.entries(surroundings.resources).flatMap(([id, { Type, Properties = {} }]) =>
      Type === type ? [read(Properties, id)] : [],
    );

  const rules = ofType('AWS::Events::Rule', (properties) =>
    ruleProperties.parse(resolve({ ...properties, EventPattern: undefined })),
  ).filter(({ State }) => State === 'ENABLED');
  const functions = ofType('AWS::Lambda::Function', ({ Environment, ...rest }, id) => {
    // Its role does not exist here, and neither does the bucket of its code.
    const properties = functionProperties.parse({ ...rest, Environment: resolve(Environment) });
    const artifact = basename(properties.Code.S3Key);
    const arn = attribute(id, 'Arn');
    return {
      key: basename(artifact, '.zip'),
      name: properties.FunctionName,
      arn,
      handler: properties.Handler,
      timeoutSeconds: properties.Timeout,
      memoryMb: properties.MemorySize,
      environment: properties.Environment.Variables,
      /** File name of the zip beside the template. */
      artifact,
      reservedConcurrency: properties.ReservedConcurrentExecutions,
      schedule: rules.find(({ Targets }) => Targets.some(({ Arn }) => Arn === arn))?.ScheduleExpression,
    };
  });
  const [producer] = ofType('AWS::SSM::Parameter', ({ Value }) => JSON.parse(String(resolve(Value))) as unknown);
  return {
    queues: ofType('AWS::SQS::Queue', ({ QueueName: _name, Tags: _tags, ...properties }, id) => ({
      name: attribute(id, 'QueueName'),
      arn: attribute(id, 'Arn'),
      url: attribute(id, 'QueueUrl'),
      attributes: Object.fromEntries(
        Object.entries(properties).map(([name, value]) => {
          const resolved = resolve(value);
          return [name, typeof resolved === 'object' ? JSON.stringify(resolved) : String(resolved)];
        }),
      ),
    })),
    tables: ofType('AWS::DynamoDB::Table', (properties, id) => ({
      name: attribute(id, 'TableName'),
      /** The properties of CreateTable, secondary indexes included. */
      create: tableProperties.parse(resolve(properties)),
    })),
    functions,
    mappings: ofType('AWS::Lambda::EventSourceMapping', (properties) => {
      const mapping = mappingProperties.parse(resolve(properties));
      const worker = functions.find(({ name, arn }) => [name, arn].includes(mapping.FunctionName));
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
    producer: producerSettings.parse(producer),
  };
}

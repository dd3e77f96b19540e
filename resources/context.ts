import { z } from 'zod';
import { ConfigurationProblems } from './problems';

/** What a generator knows beside its row: who is deployed, and where. */
const contextSchema = z.object({
  service: z.string(),
  stage: z.string(),
  /** Names every resource; with a function's name and a region it must fit into a role's 64 characters. */
  instance: z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/,
      'must be 2 to 32 lowercase letters, digits or hyphens and start with a letter',
    ),
  /** The team's bucket and the prefix in it. A wildcard in either would open the permissions made from them. */
  bucket: z.string().regex(/^[a-z0-9.-]*$/, 'must be lowercase letters, digits, dots or hyphens'),
  prefix: z
    .string()
    .regex(
      /^[A-Za-z0-9!_.'()-]+(\/[A-Za-z0-9!_.'()-]+)*$/,
      "must be letters, digits or !_.'()- in parts parted by /, without wildcards",
    ),
  /** Queues and table stay when the stack goes. */
  retain: z.stringbool().or(z.boolean()),
});

export type Context = z.infer<typeof contextSchema>;

/** Parses the params of the stage; throws ConfigurationProblems that name each one. */
export function parseContext(params: Record<keyof Context, unknown>): Context {
  if (params.instance === '')
    throw new ConfigurationProblems([
      `stage ${String(params.stage)} has no instance: use --stage staging, prod or local, or add --param instance=...`,
    ]);
  const parsed = contextSchema.safeParse(params);
  if (parsed.success) return parsed.data;
  throw new ConfigurationProblems(
    parsed.error.issues.map(({ path, message }) => {
      const name = path.join('.') as keyof Context;
      return `param ${name}: ${message}, is ${JSON.stringify(params[name])}`;
    }),
  );
}

export const tags = ({ service, stage, instance }: Context): { Key: string; Value: string }[] =>
  Object.entries({ instance, stage, service }).map(([Key, Value]) => ({ Key, Value }));

/** ARN from a name instead of a reference: no cycle between two resources, none to a resource of another stack. */
export const arn = (service: string, resource: string): { 'Fn::Sub': string } => ({
  'Fn::Sub':
    service === 's3'
      ? `arn:\${AWS::Partition}:s3:::${resource}`
      : `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`,
});

export interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
  DeletionPolicy?: 'Retain';
  UpdateReplacePolicy?: 'Retain';
}

/** A part of a CloudFormation template; parts are merged. */
export interface Fragment {
  Resources: Record<string, Resource>;
  Outputs: Record<string, { Description?: string; Value?: unknown; Export?: { Name: string } }>;
  /** Properties for resources that Serverless makes. */
  extensions?: Record<string, { Properties: Record<string, unknown> }>;
}

export const retention = ({ retain }: Context): Pick<Resource, 'DeletionPolicy' | 'UpdateReplacePolicy'> =>
  retain ? { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' } : {};

import { z } from 'zod';
import { ConfigurationProblems } from './problems';

/** What every generator needs: the instance, its stage, and where its data goes. */
const contextSchema = z.object({
  service: z.string(),
  stage: z.string(),
  /** Begins every resource name. A role name holds instance, function and region in 64 characters. */
  instance: z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/,
      'must be 2 to 32 lowercase letters, digits or hyphens and start with a letter',
    ),
  /** The team's bucket and the prefix in it. Both end up in IAM policies, where a wildcard would grant too much. */
  bucket: z.string().regex(/^[a-z0-9.-]*$/, 'must be lowercase letters, digits, dots or hyphens'),
  prefix: z
    .string()
    .regex(
      /^[A-Za-z0-9!_.'()-]+(\/[A-Za-z0-9!_.'()-]+)*$/,
      "must be parts separated by /, each of letters, digits or !_.'()-, without wildcards",
    ),
  /** CloudFormation keeps the queues and the table when the stack is removed. */
  retain: z.stringbool().or(z.boolean()),
});

export type Context = z.infer<typeof contextSchema>;

/** Parses the stage's parameters. Throws ConfigurationProblems with a line for each invalid one. */
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

import * as z from 'zod';
import { ruleInWords } from '../rule-words';
import { jsonOf } from '../text';

/** Our configuration is not valid. The message names every variable and rule, never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads the environment by a schema. An empty variable counts as missing. Throws a ConfigError. */
export function parseEnv<T>(schema: z.ZodType<T>, env: Record<string, string | undefined>): T {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const { data, error } = schema.safeParse(given);
  if (!error) return data;
  const problems = error.issues.map((issue) => {
    const variable = issue.path.map(String).join('.');
    return `${variable}: ${issue.path.length === 1 && !env[variable] ? 'is missing' : ruleInWords(issue)}`;
  });
  throw new ConfigError(`configuration: ${problems.join('; ')}`);
}

export const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      const value = jsonOf(text);
      if (value === undefined) context.addIssue({ code: 'custom', message: 'must be JSON' });
      return value;
    })
    .pipe(schema);

export const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _');

export const sentTo = {
  type: z.enum(['fifo', 'standard']),
  /** Seconds. */
  retention: z.int().min(60).max(1_209_600),
  /** Days for which the body of a dead or cancelled job is kept for a retry. Default: 44. */
  retryDays: z.int().min(1).max(44).optional(),
};

/** JSON that the stack writes into the SSM parameter `producerParameter(instance)`. Newer stacks may add fields. */
export const producerSettings = z.object({
  account: z.string().regex(/^\d{12}$/, 'must be 12 digits'),
  /** The team's existing bucket. All objects go under the prefix. */
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be 3 to 63 lowercase letters, digits, dots or hyphens'),
  // Both end up in IAM policies, where a wildcard would grant too much.
  prefix: z
    .string()
    .regex(
      /^[A-Za-z0-9!_.'()-]+(\/[A-Za-z0-9!_.'()-]+)*$/,
      "must be parts separated by /, each of letters, digits or !_.'()-, without wildcards",
    ),
  table: z.string().min(3).max(255),
  /** The ARN or alias of the customer key that encrypts objects. Without it, the bucket's own setting decides. */
  kmsKey: z.string().max(2048).optional(),
  /** Recipients per second. It decides the size of a campaign's chunks. */
  emailRate: z.number().positive().max(10_000),
  /** The recipients of a campaign's first wave. No chunk is larger. */
  firstWave: z.int().positive().optional(),
  /** Where the key of the suppression list is, if the instance has one: `ssm:/path`. */
  suppressionKey: z.string().optional(),
  /** Where the key of the hashes of people is stored, `ssm:/path`. Only a local instance has the key itself here. */
  hashKey: z.string().min(1),
  queues: z.record(name, z.object(sentTo)),
});
export type ProducerSettings = z.infer<typeof producerSettings>;

import type * as z from 'zod';
import { ruleInWords } from '../rule-words';

/** Our configuration is not valid. The message names every variable and rule, never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The variables that break a rule of a schema. An empty variable counts as missing. */
export function envProblems(
  schema: z.ZodType,
  env: Record<string, string | undefined>,
): { variable: string; rule: string }[] {
  const parsed = schema.safeParse(withoutEmpty(env));
  if (parsed.success) return [];
  return parsed.error.issues.map((issue) => ({
    variable: issue.path.map(String).join('.'),
    rule: issue.path.length === 1 && !env[String(issue.path[0])] ? 'is missing' : ruleInWords(issue),
  }));
}

/** Reads the environment by a schema. An empty variable counts as missing. Throws a ConfigError. */
export function parseEnv<T>(schema: z.ZodType<T>, env: Record<string, string | undefined>): T {
  const problems = envProblems(schema, env);
  if (problems.length === 0) return schema.parse(withoutEmpty(env));
  throw new ConfigError(`configuration: ${problems.map(({ variable, rule }) => `${variable}: ${rule}`).join('; ')}`);
}

const withoutEmpty = (env: Record<string, string | undefined>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));

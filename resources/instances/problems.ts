import { distance } from 'fastest-levenshtein';
import * as z from 'zod';
import { ruleInWords } from '../../lib/rule-words';

/** A setting that breaks a rule. `path` is like `queues.feedback.visibility`. */
export interface Problem {
  path: string;
  rule: string;
}

export class InstanceProblems extends Error {
  override readonly name = 'InstanceProblems';

  constructor(readonly lines: string[]) {
    super(lines.join('\n'));
  }
}

/** Problems as lines: `instances/acme.yml: queues.feedback.visibility: must be >= 270, is 200`. */
export const linesOf = (file: string, problems: Problem[]): string[] =>
  problems.map(({ path, rule }) => `${file}: ${path === '' ? '' : `${path}: `}${rule}`);

/** A table of a file. The message about an unknown key holds the known ones, for `problemsOf`. */
export const table = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : undefined),
  });

/** The problem that zod found in a value, in words. A misspelt key gets the nearest valid one. */
export function problemsOf(issue: z.core.$ZodIssue, value: unknown): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...path, key].join('.'),
      rule: `is not a setting.${nearestText(key, issue.message.split(' '))}`,
    }));
  const found = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
  const seen = typeof found === 'number' || typeof found === 'boolean' ? String(found) : kindOf(found);
  const rule = ruleInWords(issue);
  return [{ path: path.join('.'), rule: found === undefined ? rule : `${rule}, is ${seen}` }];
}

/** The most similar of the valid words, as a sentence. */
export function nearestText(word: string, valid: string[]): string {
  const far = (candidate: string) => distance(word.toLowerCase(), candidate.toLowerCase());
  const least = Math.min(...valid.map(far));
  return least <= Math.max(2, word.length / 3)
    ? ` Did you mean ${valid.filter((candidate) => far(candidate) === least).join(' or ')}?`
    : ` Valid: ${valid.join(', ')}.`;
}

/** Text may be personal, so only its kind is shown. */
function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'string' ? 'another text' : 'a table';
}

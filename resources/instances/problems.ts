import { distance } from 'fastest-levenshtein';
import type * as z from 'zod';
import { ruleInWords } from '../../lib/platform/rule-words';

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

/** Problems as lines: `instances/acme.yml: queues.feedback.visibility: must be >= 6 x timeout (270)`. */
export const linesOf = (file: string, problems: Problem[]): string[] =>
  problems.map(({ path, rule }) => `${file}: ${path === '' ? '' : `${path}: `}${rule}`);

/** What zod found, parsing with `reportInput`, in words and without values. A misspelt key gets the nearest valid one. */
export function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...path, key].join('.'),
      rule: `is not a setting.${nearestText(key, issue.message.split(' '))}`,
    }));
  return [{ path: path.join('.'), rule: issue.input === undefined ? 'is missing' : ruleInWords(issue) }];
}

export function nearestText(word: string, valid: string[]): string {
  const far = (candidate: string) => distance(word.toLowerCase(), candidate.toLowerCase());
  const least = Math.min(...valid.map(far));
  return least <= Math.max(2, word.length / 3)
    ? ` Did you mean ${valid.filter((candidate) => far(candidate) === least).join(' or ')}?`
    : ` Valid: ${valid.join(', ')}.`;
}

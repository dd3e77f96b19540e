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

/** The problem that zod found in a value, in words. A misspelt key gets the nearest valid one. */
export function problemsOf(issue: z.core.$ZodIssue, value: unknown, schema: z.ZodType): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => ({
      path: [...path, key].join('.'),
      rule: `is not a setting.${nearestText(key, known)}`,
    }));
  }
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

function keysAt(schema: z.ZodType, path: PropertyKey[]): string[] {
  const found = bare(path.reduce<z.ZodType | undefined>((parent, key) => childOf(bare(parent), key), schema));
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function childOf(parent: z.ZodType | undefined, key: PropertyKey): z.ZodType | undefined {
  if (parent instanceof z.ZodObject) return parent.shape[String(key)];
  if (parent instanceof z.ZodRecord) return parent.valueType as z.ZodType;
  return undefined;
}

function bare(schema: z.ZodType | undefined): z.ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodPrefault)
    return bare(schema.unwrap() as z.ZodType);
  return schema;
}

import type * as z from 'zod';

/**
 * The broken rule of an issue of Zod, such as `must be at most 10 entries`. Never the value, which may be personal. A
 * rule that the schema states itself comes first. Parse with `reportInput` to learn the kind of a wrong value.
 */
export function ruleInWords(issue: z.core.$ZodIssue): string {
  if (stated(issue)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${article(issue.expected)}${issue.input === undefined ? '' : `, is ${kind(issue.input)}`}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${unit(issue.origin)}`;
    case 'too_small':
      if (issue.minimum === 1 && unit(issue.origin) !== '') return 'must not be empty';
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit(issue.origin)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'invalid_format':
      if (issue.format === 'datetime') return 'must be an ISO 8601 time with Z or an offset, e.g. 2026-01-02T03:04:05Z';
      return `must be a valid ${issue.format}`;
    case 'invalid_key':
      return issue.issues.find(stated)?.message ?? 'is a name that is not allowed here';
    case 'unrecognized_keys':
      return `has ${issue.keys.length} unknown ${issue.keys.length === 1 ? 'field' : 'fields'}`;
    case 'custom':
      return issue.message;
    default:
      return 'is not valid';
  }
}

const stated = ({ message }: z.core.$ZodIssue): boolean => message.startsWith('must ');
const article = (what: string): string => (/^[aeiou]/.test(what) ? `an ${what}` : `a ${what}`);
const kind = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : article(typeof value);
const unit = (origin: string): string =>
  origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : origin === 'object' ? ' fields' : '';

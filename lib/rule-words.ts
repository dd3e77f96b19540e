import type * as z from 'zod';

type Issue = Parameters<z.core.$ZodErrorMap>[0];

const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a table',
  record: 'a table',
};

const FORMATS: Record<string, string> = {
  url: 'a URL, such as https://example.com/path',
  email: 'an e-mail address',
  guid: 'a UUID',
};

/**
 * The broken rule in words, such as `must be a whole number`. For the option `error` of zod's parse functions. A message
 * that a schema states itself comes first.
 */
export function ruleInWords(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_format':
      return `must be ${FORMATS[issue.format] ?? 'in another format'}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return bound(issue.origin, 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, 'at most', issue.maximum);
    case 'invalid_key':
      return 'is a name that is not allowed here';
    default:
      return 'is not valid';
  }
}

function bound(origin: string, words: string, limit: number | bigint): string {
  if (origin === 'string') return limit === 1 ? 'must not be empty' : `must have ${words} ${limit} characters`;
  if (origin === 'array') return limit === 1 ? 'must not be empty' : `must have ${words} ${limit} entries`;
  return `must be ${words} ${limit}`;
}

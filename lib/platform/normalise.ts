import { domainToASCII } from 'node:url';
import type * as z from 'zod';

/**
 * What people type and machines send, in the one form that rules and vendors know: docs/wire-format.md has the table.
 * Liberal in what has one meaning, strict in what is asked for. Normalising twice changes nothing.
 */

/** Controls and halves of characters. In a name or a subject, a line break can forge mail headers. */
const NO_PART_OF_A_LINE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu;
const NO_PART_OF_LINES = /(?![\t\n\r])[\p{Cc}\p{Cs}]/gu;

export const lineForm = (text: string): string => text.replace(NO_PART_OF_A_LINE, ' ').trim();
export const linesForm = (text: string): string => text.replace(NO_PART_OF_LINES, ' ').trim();

const MANY_MARKS = /(\p{M}{30})\p{M}+/gu;

/** Unicode's form of a text that a stranger wrote. Node sorts a run of marks in the square of its length, so 30 count. */
export const unicodeForm = (text: string, form: 'NFC' | 'NFKC'): string =>
  text.replace(MANY_MARKS, '$1').normalize(form);

/** Soft hyphens, characters of no width and marks of direction, which come along when an address is copied. */
const NO_WIDTH = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const NOT_ASCII = /[^\0-\x7f]/;

/** An address in lower case, with its domain in ASCII. */
export function addressForm(text: string): string {
  const plain = text.normalize('NFKC').replace(NO_WIDTH, '').trim().toLowerCase();
  if (!NOT_ASCII.test(plain)) return plain;
  const at = plain.lastIndexOf('@') + 1;
  return plain.slice(0, at) + (domainToASCII(plain.slice(at)) || plain.slice(at));
}

/** `de_AT`, `de_AT.UTF-8`, `de_AT@euro`, `zh_TW_#Hant` and `de-AT,de;q=0.9` are tags as systems and headers write them. */
export const localeForm = (text: string): string =>
  (text.trim().split(/[,;.@\s]/)[0] ?? '').replaceAll('_', '-').replaceAll('#', '');

export const tagForm = (text: string): string => lineForm(text).replace(/\s+/g, '_');

/** Names that systems use in place of the registered one. */
const ALIASES: Record<string, string> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
  'application/x-pdf': 'application/pdf',
  'application/x-zip': 'application/zip',
  'application/x-zip-compressed': 'application/zip',
  'application/csv': 'text/csv',
  'text/x-csv': 'text/csv',
  'text/json': 'application/json',
  'audio/mp3': 'audio/mpeg',
};

export function mediaTypeForm(text: string): string {
  const [type = '', ...parameters] = text
    .trim()
    .toLowerCase()
    .split(/\s*;\s*/);
  const charset = parameters.find((one) => one.startsWith('charset='))?.replaceAll('"', '');
  return `${(Object.hasOwn(ALIASES, type) && ALIASES[type]) || type}${charset ? `; ${charset}` : ''}`;
}

const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d+))? ?(?:(Z|UTC|GMT)|([+-]\d\d)(?::?(\d\d))?)$/i;

/** RFC 3339, also from `+0100`, `+01`, a comma and a space in place of the T. No time gets a zone that it does not have. */
export const timeForm = (text: string): string =>
  text.trim().replace(TIME, (...[, day, minute, second = ':00', part, utc, hours, minutes = '00']: string[]) => {
    return `${day}T${minute}${second}${part ? `.${part}` : ''}${utc ? 'Z' : `${hours}:${minutes}`}`;
  });

/**
 * The fields that never refuse a job, by what they belong to. One that is null or empty is absent, and one that cannot
 * be used is left out and named. `*` is each entry of a list or a record. Every other field is used or refused.
 */
export const COSMETIC = {
  'feedback.submitted.v1': [
    ...['user.name', 'category', 'type', 'priority', 'tags', 'tags.*', 'locale', 'context', 'context.*'],
    ...['customFields', 'customFields.*', 'attachments.*.name', 'attachments.*.contentType', 'attachments.*.size'],
  ],
  'email.message.v1': ['from.name', 'to.name', 'replyTo.name', 'categories', 'categories.*'],
  'testflight.invite.v1': ['firstName', 'lastName'],
  campaign: ['name', 'from.name', 'replyTo.name', 'categories', 'categories.*'],
  recipient: ['name'],
  upload: ['name', 'contentType'],
  options: ['correlationId', 'traceparent'],
  envelope: ['correlationid', 'traceparent', 'subject', 'leftout'],
} as const satisfies Record<string, readonly string[]>;

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** A field that was left out: its path, without a caller's own names, and the rule that it breaks. */
export type LeftOut = { path: Path; issue: Issue };
export type Normalised<T> =
  | { data: T; left: LeftOut[]; issues?: undefined }
  | { issues: Issue[]; data?: undefined; left?: undefined };

/** Dates, then single fields, then what a list or a record is as a whole. A field that must be there is never found. */
const MOST_ROUNDS = 5;

/** Each entry that is left out costs a copy. Of more than these no entry goes alone, but its whole list or record. */
const MOST_ENTRIES = 100;

/**
 * Parses a value whose schema has the forms above. A cosmetic field that is not valid is left out. `issues`: what refuses
 * the value. Valid data costs one pass.
 */
export function normalise<T>(of: string, schema: z.ZodType<T>, input: unknown): Normalised<T> {
  const patterns = cosmeticOf(of);
  const left: LeftOut[] = [];
  let value = input;
  for (let round = 0; ; round++) {
    const { success, data, error } = schema.safeParse(value, { reportInput: true });
    if (success) return { data, left };
    const edits = error.issues.map((issue) => editOf(issue, patterns, error.issues.length > MOST_ENTRIES));
    if (edits.includes(undefined) || round > MOST_ROUNDS)
      return { issues: error.issues.filter((_, at) => round > MOST_ROUNDS || edits[at] === undefined) };
    const seen = new Set<string>();
    // Entries of a list go from its end, so that the places of the others stay.
    for (const { path, left: named, change } of (edits as Edit[]).toReversed()) {
      const key = JSON.stringify(path);
      if (seen.has(key)) continue;
      seen.add(key);
      value = edited(value, path, change);
      if (named) left.push(named);
    }
  }
}

const cosmeticOf = (of: string): string[][] =>
  (Object.hasOwn(COSMETIC, of) ? COSMETIC[of as keyof typeof COSMETIC] : []).map((field) => field.split('.'));

type Change = { to: unknown } | 'removed';
type Edit = { path: Path; left: LeftOut | undefined; change: Change };

/** What makes a value valid. `whole`: without any part of the field. `undefined`: the issue refuses the value. */
function editOf(issue: Issue, patterns: readonly string[][], whole: boolean): Edit | undefined {
  const { path, input, code } = issue;
  // JSON has no Date, and this is what it makes of one.
  if (input instanceof Date && !Number.isNaN(input.getTime()) && code === 'invalid_type')
    return { path, left: undefined, change: { to: input.toISOString() } };
  // No unknown field is let in, also by being left out.
  if (code === 'unrecognized_keys') return undefined;
  const pattern = patterns
    .filter((parts) => parts.length <= path.length && parts.every((part, at) => part === '*' || part === path[at]))
    .reduce<string[] | undefined>(
      (chosen, one) => (chosen && chosen.length > one.length !== whole ? chosen : one),
      undefined,
    );
  if (!pattern) return undefined;
  const field = path.slice(0, pattern.length);
  const named = field.map((part, at) => (pattern[at] === '*' && typeof part === 'string' ? '*' : part));
  const left = { path: named, issue };
  const isWhole = field.length === path.length;
  if (code === 'too_big' && isWhole && typeof input === 'object')
    return { path: field, left, change: { to: firstOf(input as object, Number(issue.maximum)) } };
  return { path: field, left: isWhole && isEmpty(input) ? undefined : left, change: 'removed' };
}

const firstOf = (value: object, most: number): unknown =>
  Array.isArray(value) ? value.slice(0, most) : Object.fromEntries(Object.entries(value).slice(0, most));

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '');

/** A copy with one change. Nothing is assigned by a name that a caller has chosen, as `__proto__` may be one. */
function edited(value: unknown, [key, ...rest]: Path, change: Change): unknown {
  if (key === undefined) return change === 'removed' ? undefined : change.to;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<PropertyKey, unknown>;
  if (rest.length === 0 && change === 'removed') {
    if (Array.isArray(copy)) copy.splice(Number(key), 1);
    else delete copy[key];
    return copy;
  }
  const next = edited(copy[key], rest, change);
  Object.defineProperty(copy, key, { value: next, writable: true, enumerable: true, configurable: true });
  return copy;
}

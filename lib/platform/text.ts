import * as z from 'zod';
import { addressForm, lineForm, linesForm, localeForm, mediaTypeForm, tagForm, timeForm } from './normalise';

/** The pattern of text without C0 controls and DEL, for an expression or a JSON Schema. */
export const WITHOUT_CONTROLS = '^[^\\u0000-\\u001f\\u007f]*$';

const C0_BUT_LINES = '\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f';
const DEL_AND_C1 = '\\u007f-\\u009f';
// All controls and Unicode's two line separators end or hide a line. In a name or a subject they can forge mail
// headers.
const NO_CONTROLS = new RegExp(`^[^\\u0000-\\u001f${DEL_AND_C1}\\u2028\\u2029]*$`);

/** No field is that long, so a longer text is refused without a look into it: 100 MB would keep others waiting. */
const LONGEST = 2 ** 21;
const short =
  (form: (text: string) => string) =>
  (text: string): string =>
    text.length > LONGEST ? text : form(text);

/** Whether a text has only white space and characters of no width. */
export const isBlank = (value: string): boolean =>
  value.length <= LONGEST && /^[\s\u00ad\u200b-\u200f\u2060\ufeff]*$/.test(value);

const NOT_BLANK = 'must not be blank';
const isNotBlank = (value: string): boolean => !isBlank(value);

// Each is made once, because Zod copies a schema for every rule that is added to it.
const line = z.string().overwrite(short(lineForm)).refine(isNotBlank, NOT_BLANK);
const lines = z.string().overwrite(short(linesForm)).refine(isNotBlank, NOT_BLANK);
const exact = z
  .string()
  .regex(NO_CONTROLS, 'must not hold control characters or line breaks')
  .refine((value) => value.isWellFormed(), 'must be well-formed Unicode')
  .refine(isNotBlank, NOT_BLANK);

/** Text on one line, at most `max` characters, not blank. `what` it means goes into the docs of its field. */
export const singleLine = (max: number, what = '') =>
  line.max(max).describe(`${what} One line of at most ${max} characters.`.trim());

/** The same for a key, an id or an owner. It is used as it is or refused, because another text is another one. */
export const exactLine = (max: number, what = '') =>
  exact.max(max).describe(`${what} One line of at most ${max} characters.`.trim());

/** Text with line breaks and tabs, at most `max` characters, not blank. */
export const multiLine = (max: number, what = '') =>
  lines.max(max).describe(`${what} At most ${max} characters.`.trim());

const ADDRESS =
  /^([A-Za-z0-9_'+&/-]+\.)*[A-Za-z0-9_'+&/-]*[A-Za-z0-9_+&/-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+([A-Za-z]{2,}|[Xx][Nn]--[A-Za-z0-9-]+)$/;

export const emailAddress = z
  .string()
  .overwrite(short(addressForm))
  .max(254, { abort: true })
  .regex(ADDRESS, 'must be a valid email')
  .describe('A mail address of at most 254 characters.');

export const mediaType = z
  .string()
  .overwrite(mediaTypeForm)
  .max(127)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(; ?charset=[\w-]+)?$/, 'must be a media type')
  .describe('A media type such as image/png, at most 127 characters.');

export const localeTag = z
  .string()
  .overwrite(localeForm)
  .max(100)
  .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/, 'must be a language tag, e.g. en-GB');

export const tag = z
  .string()
  .overwrite(tagForm)
  .max(50)
  .regex(/^[\p{L}\p{N}_/-]+$/u, 'must be letters, digits, _, - or /')
  // For JSON Schema. Python and RE2 do not share the classes of Unicode, so a letter is all that is not ASCII.
  .meta({ pattern: '^[^\\x00-\\x2c\\x2e\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\x7f]+$' });

/** A time as text, with Z or an offset. */
export const isoTime = z
  .string()
  .overwrite(timeForm)
  .regex(
    z.regexes.datetime({ offset: true }),
    'must be an ISO 8601 time with Z or an offset, e.g. 2026-01-02T03:04:05Z',
  )
  .meta({ format: 'date-time' });

/** A dynamic template of SendGrid. Without `d-`, the vendor's library silently drops every recipient's data. */
export const templateId = z.string().regex(/^d-[0-9a-f]{32}$/, 'must be a dynamic template id (d-…)');

/** Unicode's marks that embed or override the direction of text. They can make `exe.txt` look like `txt.exe`. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;

/** Text of a user on its way to a reader, without marks that change its direction. */
export const plainText = (value: string): string => value.replace(DIRECTION, '');

const INVISIBLE = new RegExp(`[${C0_BUT_LINES}\\r${DEL_AND_C1}\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]`, 'g');

/** Text for a terminal or a log. Controls other than line feed and tab, and marks of direction, become `\uXXXX`. */
export const visible = (value: string): string =>
  value.replace(INVISIBLE, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);

const TIME = /^(at|since|from|to|until|resumeBefore)$|[a-z]At$/;

/** A value as programs read it: times, which are ms since 1970 inside, are ISO 8601. Nothing in it may be named by a caller. */
export const isoTimes = (of: unknown): unknown =>
  JSON.parse(
    JSON.stringify(of, (name, value: unknown) =>
      TIME.test(name) && typeof value === 'number' ? new Date(value).toISOString() : value,
    ),
  );

/** The value of a JSON text. `undefined`: it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * A secret as people store it: text, or JSON with one value, or with several of which `key` names one. `undefined`: it is
 * not clear which value is meant.
 */
export function secretIn(text: string, key?: string): string | undefined {
  const parsed = text.trim().startsWith('{') ? jsonOf(text) : undefined;
  if (parsed === undefined) return key === undefined ? text.trim() : undefined;
  const values = Object.entries(parsed as object).filter(([name]) => key === undefined || name === key);
  const value: unknown = values[0]?.[1];
  return values.length === 1 && typeof value === 'string' ? value.trim() : undefined;
}

export const timeText = (time: number | undefined): string =>
  time === undefined ? '' : new Date(time).toISOString().slice(0, 19).replace('T', ' ');

export const counted = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`;

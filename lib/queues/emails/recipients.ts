import * as z from 'zod';
import { describeIssues } from '../../engine/jobs/envelope';
import { normalise } from '../../platform/normalise';
import { jsonOf } from '../../platform/text';
import { type CampaignContent, person, templateData } from './message';
import { mergeOf } from './placeholders';

/** One recipient as read, before any check. `line` counts from 1 and tells where to find it. */
export type Read = { line: number; value: unknown } | { line: number; broken: string };

type Piece = Uint8Array | string;
/** A text, bytes, or pieces of one of these. */
export type Bytes = Piece | AsyncIterable<Piece> | Iterable<Piece>;

/** A longer line is not a recipient. Without a limit, a whole file could be one line. */
const MAX_LINE_BYTES = 64 * 1024;

export async function* fromIterable(recipients: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Read> {
  let line = 0;
  for await (const value of recipients) yield { line: ++line, value };
}

export async function* fromNdjson(bytes: Bytes): AsyncGenerator<Read> {
  for await (const { line, text } of lines(bytes)) {
    const value = jsonOf(text.trim());
    if (isTooLong(text)) yield { line, broken: 'the line is too long' };
    else yield value === undefined ? { line, broken: 'the line is not JSON' } : { line, value };
  }
}

const isTooLong = (text: string): boolean => Buffer.byteLength(text) > MAX_LINE_BYTES;

const NOT_UTF8 =
  'must be text in UTF-8. In Excel choose "Save as" and "CSV UTF-8 (comma delimited)", elsewhere the encoding UTF-8';

async function* lines(bytes: Bytes): AsyncGenerator<{ line: number; text: string }> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let line = 0;
  for await (const chunk of ended(bytes)) {
    // A text ends the bytes before it, and with them a character.
    const text = typeof chunk === 'string' ? decoded(decoder) + chunk : decoded(decoder, chunk);
    // The letters of UTF-16 are valid UTF-8, with a NUL after each.
    if (text.includes('\0')) throw new InvalidRecipientsError(NOT_UTF8);
    const texts = (rest + text).split('\n');
    rest = texts.pop() ?? '';
    // Such a line means that the file is neither CSV nor NDJSON. Keep no more of it than shows that it is too long.
    if (rest.length > 2 * MAX_LINE_BYTES) rest = rest.slice(0, 2 * MAX_LINE_BYTES);
    for (const one of texts) {
      line += 1;
      // A tab at the end of a row is an empty cell.
      if (one.trim() !== '') yield { line, text: one.replace(/^\ufeff|\r$/g, '') };
    }
  }
}

function decoded(decoder: InstanceType<typeof TextDecoder>, bytes?: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: bytes !== undefined });
  } catch {
    throw new InvalidRecipientsError(NOT_UTF8);
  }
}

async function* ended(bytes: Bytes): AsyncGenerator<Piece> {
  if (typeof bytes === 'string' || bytes instanceof Uint8Array) yield bytes;
  else yield* bytes;
  yield '\n';
}

/**
 * Reads CSV with a header, as spreadsheets of any country write it. A row is one line, because otherwise one open quote
 * would swallow all later rows.
 */
export async function* fromCsv(bytes: Bytes): AsyncGenerator<Read> {
  // Few callers read CSV, and loading the parser takes a producer 4 ms.
  const csv = await import('csv-parse/sync');
  let columns: Columns | undefined;
  let separator: string | undefined;
  for await (const { line, text } of lines(bytes)) {
    if (columns === undefined) {
      separator ??= /^"?sep=(.)"?$/i.exec(text.trimEnd())?.[1];
      if (!/^"?sep=/i.test(text)) columns = columnsOf(csv, text, separator);
      continue;
    }
    const { names, separator: between } = columns;
    const values = rowOf(csv, text, between);
    if (typeof values === 'string') yield { line, broken: values };
    else {
      while (values.length > names.length && values.at(-1) === '') values.pop();
      if (values.length === names.length) yield { line, value: ofColumns(names, values) };
      else yield { line, broken: `the row must have ${names.length} values like the header, has ${values.length}` };
    }
  }
}

function rowOf({ parse }: typeof import('csv-parse/sync'), text: string, delimiter: string): string[] | string {
  if (isTooLong(text)) return 'the row is too long';
  // Most files have no quotes. Without the parser they take half the time and memory.
  if (!text.includes('"')) return text.split(delimiter).map((value) => value.trim());
  try {
    const [values = []] = parse(text, { trim: true, delimiter, record_delimiter: '\n', relax_column_count: true });
    return values;
  } catch {
    return 'a quote of the row is in a wrong place or missing';
  }
}

type Columns = { names: string[]; separator: string };

/** Excel writes the list separator of its country, and says so in a line `sep=;` at most. */
const SEPARATORS = [',', ';', '\t'];

function columnsOf(csv: typeof import('csv-parse/sync'), text: string, said: string | undefined): Columns {
  const refused = (rule: string) => new InvalidRecipientsError(`the CSV header ${rule}`);
  const read = (said === undefined ? SEPARATORS : [said]).map((separator) => {
    const values = rowOf(csv, text, separator);
    return { separator, names: typeof values === 'string' ? values : values.map(columnName) };
  });
  const { names = '', separator = ',' } = read.find((one) => one.names.includes('email')) ?? read[0] ?? {};
  if (typeof names === 'string') throw refused(`cannot be read: ${names}`);
  if (!names.includes('email')) throw refused('must have a column email');
  if (names.includes('__proto__')) throw refused('must not have a column __proto__');
  const known = names.filter((name) => name !== '');
  if (new Set(known).size !== known.length) throw refused('must not repeat a column');
  return { names, separator };
}

const columnName = (name: string): string =>
  /^e-?mail([ _-]?address)?$/i.test(name) ? 'email' : /^name$/i.test(name) ? 'name' : name;

/** Makes only the recipient: anything more for each of a million rows fills V8's young generation. */
function ofColumns(header: string[], values: string[]): unknown {
  const recipient: { email: string; name?: string; data?: Record<string, string> } = { email: '' };
  for (let column = 0; column < header.length; column++) {
    const name = header[column] ?? '';
    const value = values[column] ?? '';
    if (name === 'email' || (name === 'name' && value !== '')) recipient[name] = value;
    // An empty value replaces its `{{name}}` too.
    else if (name !== 'name' && name !== '') {
      recipient.data ??= {};
      recipient.data[name] = value;
    }
  }
  return recipient;
}

export const recipientSchema = person.extend({ data: templateData.optional() });
export type Recipient = z.infer<typeof recipientSchema>;
export type RecipientInput = z.input<typeof recipientSchema>;
/** An export of people has more columns. They are left out, and counted. */
const known = z.object(recipientSchema.shape);
const unknownIn = (input: unknown): number =>
  typeof input === 'object' && input !== null
    ? Object.keys(input).filter((field) => !Object.hasOwn(known.shape, field)).length
    : 0;

type Checked = { recipient: Recipient; leftOut: number } | { missing: string } | { reason: string };

/** Returns the recipient and how many of their fields were left out, the name that has no value, or the rule that is broken. A rule never names a value. */
export function recipientCheck(content: CampaignContent) {
  const { unfit } = mergeOf(content);
  return (input: unknown): Checked => {
    const parsed = normalise('recipient', known, input);
    if (parsed.issues) {
      const [issue] = parsed.issues;
      const [problem] = issue ? describeIssues([issue], issue.path.length === 0 ? 'recipient' : '') : [];
      return { reason: problem?.message ?? 'not valid' };
    }
    const { missing, path = [], rule } = unfit(parsed.data) ?? {};
    if (missing !== undefined) return { missing };
    const leftOut = unknownIn(input) + parsed.left.length;
    return rule === undefined ? { recipient: parsed.data, leftOut } : { reason: `${path.join('.')}: ${rule}` };
  };
}

/** The list of recipients is invalid as a whole. The message names the rule and the place, never a value. */
export class InvalidRecipientsError extends Error {
  override readonly name = 'InvalidRecipientsError';
}

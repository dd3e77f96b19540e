import type * as z from 'zod';
import { describeIssues } from '../jobs/envelope';
import { normalise } from '../normalise';
import { jsonOf } from '../text';
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
    const value = jsonOf(text);
    if (isTooLong(text)) yield { line, broken: 'the line is too long' };
    else yield value === undefined ? { line, broken: 'the line is not JSON' } : { line, value };
  }
}

const isTooLong = (text: string): boolean => Buffer.byteLength(text) > MAX_LINE_BYTES;

async function* lines(bytes: Bytes): AsyncGenerator<{ line: number; text: string }> {
  const decoder = new TextDecoder();
  let rest = '';
  let line = 0;
  for await (const chunk of ended(bytes)) {
    const texts = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = texts.pop() ?? '';
    // Such a line means that the file is neither CSV nor NDJSON. Keep no more of it than shows that it is too long.
    if (rest.length > 2 * MAX_LINE_BYTES) rest = rest.slice(0, 2 * MAX_LINE_BYTES);
    for (const text of texts) {
      line += 1;
      if (text.trim() !== '') yield { line, text: text.trim() };
    }
  }
}

async function* ended(bytes: Bytes): AsyncGenerator<Piece> {
  if (typeof bytes === 'string' || bytes instanceof Uint8Array) yield bytes;
  else yield* bytes;
  yield '\n';
}

/** Reads CSV with a header. A row is one line, because otherwise one open quote would swallow all later rows. */
export async function* fromCsv(bytes: Bytes): AsyncGenerator<Read> {
  // Few callers read CSV, and loading the parser takes a producer 4 ms.
  const csv = await import('csv-parse/sync');
  let header: string[] | undefined;
  for await (const { line, text } of lines(bytes)) {
    const values = rowOf(csv, text);
    if (header === undefined) header = checkedHeader(values);
    else if (typeof values === 'string') yield { line, broken: values };
    else if (values.length === header.length) yield { line, value: ofColumns(header, values) };
    else yield { line, broken: `the row must have ${header.length} values like the header, has ${values.length}` };
  }
}

function rowOf({ parse }: typeof import('csv-parse/sync'), text: string): string[] | string {
  if (isTooLong(text)) return 'the row is too long';
  // Most files have no quotes. Without the parser they take half the time and memory.
  if (!text.includes('"')) return text.split(',').map((value) => value.trim());
  try {
    const [values = []] = parse(text, { trim: true, record_delimiter: '\n', relax_column_count: true });
    return values;
  } catch {
    return 'a quote of the row is in a wrong place or missing';
  }
}

function checkedHeader(values: string[] | string): string[] {
  const refused = (rule: string) => new InvalidRecipientsError(`the CSV header ${rule}`);
  if (typeof values === 'string') throw refused(`cannot be read: ${values}`);
  if (!values.includes('email')) throw refused('must have a column email');
  if (values.includes('__proto__')) throw refused('must not have a column __proto__');
  if (new Set(values).size !== values.length) throw refused('must not repeat a column');
  return values;
}

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

/** Returns the recipient, the name that has no value, or the rule that is broken. A rule never names a value. */
export function recipientCheck(content: CampaignContent) {
  const { unfit } = mergeOf(content);
  return (input: unknown): { recipient: Recipient } | { missing: string } | { reason: string } => {
    const parsed = normalise('recipient', recipientSchema, input);
    if (parsed.issues) {
      const [issue] = parsed.issues;
      const [problem] = issue ? describeIssues([issue], issue.path.length === 0 ? 'recipient' : '') : [];
      return { reason: problem?.message ?? 'not valid' };
    }
    const { missing, path = [], rule } = unfit(parsed.data) ?? {};
    if (missing !== undefined) return { missing };
    return rule === undefined ? { recipient: parsed.data } : { reason: `${path.join('.')}: ${rule}` };
  };
}

/** The list of recipients is invalid as a whole. The message names the rule and the place, never a value. */
export class InvalidRecipientsError extends Error {
  override readonly name = 'InvalidRecipientsError';
}

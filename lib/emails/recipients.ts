import { CsvError, parse } from 'csv-parse/sync';
import { InvalidRecipientsError } from './invalid-recipients';

/** One recipient as it was read, not yet checked; `line` counts from 1 and is where it can be found again. */
export type Read = { line: number; value: unknown } | { line: number; broken: string };

export type Bytes = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** A line that is longer is not a recipient: the whole file could be read as one. */
const MAX_LINE_BYTES = 64 * 1024;

/** Recipients that are there as objects. */
export async function* fromIterable(recipients: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Read> {
  let line = 0;
  for await (const value of recipients) yield { line: ++line, value };
}

/** One JSON object a line. A line that is none is broken, and the next one is read. */
export async function* fromNdjson(bytes: Bytes): AsyncGenerator<Read> {
  let line = 0;
  for await (const text of lines(bytes)) {
    line += 1;
    if (text.trim() === '') continue;
    if (Buffer.byteLength(text) > MAX_LINE_BYTES) yield { line, broken: 'the line is too long' };
    else yield parsed(line, text);
  }
}

function parsed(line: number, text: string): Read {
  try {
    return { line, value: JSON.parse(text) as unknown };
  } catch {
    return { line, broken: 'the line is not JSON' };
  }
}

async function* lines(bytes: Bytes): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    const parts = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = parts.pop() ?? '';
    // Only a file that is no NDJSON has such a line; what is over is of no use.
    if (rest.length > 2 * MAX_LINE_BYTES) rest = rest.slice(0, 2 * MAX_LINE_BYTES);
    yield* parts;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

const BROKEN: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'a quoted value does not end in its row',
  CSV_INVALID_CLOSING_QUOTE: 'a quoted value goes on after its closing quote',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'a quoted value goes on after its closing quote',
  INVALID_OPENING_QUOTE: 'a quote stands inside a value that is not quoted',
};

/**
 * A CSV file with a header: `email`, `name`, and every other column is data. A row is a line: were line breaks allowed
 * in values, one quote that is never closed would swallow every row behind it, good ones too.
 */
export async function* fromCsv(bytes: Bytes): AsyncGenerator<Read> {
  let line = 0;
  let header: string[] | undefined;
  for await (const text of lines(bytes)) {
    line += 1;
    if (text.trim() === '') continue;
    const values = row(text);
    if (header === undefined) header = checkedHeader(values);
    else if (typeof values === 'string') yield { line, broken: values };
    else if (values.length !== header.length)
      yield { line, broken: `the row must have ${header.length} values like the header, has ${values.length}` };
    else yield { line, value: ofColumns(header, values) };
  }
}

/** The values of one row, or what is wrong with it. */
function row(text: string): string[] | string {
  if (Buffer.byteLength(text) > MAX_LINE_BYTES) return 'the row is too long';
  try {
    const [values = []] = parse(text, { bom: true, trim: true }) as string[][];
    return values;
  } catch (error) {
    return (error instanceof CsvError && BROKEN[error.code]) || 'the row cannot be read';
  }
}

function checkedHeader(values: string[] | string): string[] {
  if (typeof values === 'string') throw new InvalidRecipientsError(`the CSV header cannot be read: ${values}`);
  if (!values.includes('email')) throw new InvalidRecipientsError('the CSV header must have a column email');
  if (new Set(values).size !== values.length)
    throw new InvalidRecipientsError('the CSV header must not repeat a column');
  return values;
}

function ofColumns(header: string[], values: string[]): unknown {
  const { email, name, ...rest } = Object.fromEntries(header.map((column, index) => [column, values[index]]));
  const data = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ''));
  return { email, ...(name ? { name } : {}), ...(Object.keys(data).length > 0 ? { data } : {}) };
}

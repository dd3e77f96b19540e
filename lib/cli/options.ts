import { readFile } from 'node:fs/promises';
import { knownQueue, OperatorError } from '../ops/operator';
import type { CommandContext } from './command';

type Options = CommandContext['options'];

/** A string option. `undefined`: not given. */
export function text(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function required(options: Options, name: string): string {
  const value = text(options, name);
  if (value === undefined) throw new OperatorError(`--${name} is required.`);
  return value;
}

export function oneOf<T extends string>(options: Options, name: string, values: readonly T[]): T | undefined {
  const value = text(options, name);
  if (value === undefined || values.includes(value as T)) return value as T | undefined;
  throw new OperatorError(`--${name} must be one of ${values.join(', ')}, is ${value}.`);
}

export function count(options: Options, name: string, otherwise: number): number {
  const value = text(options, name);
  if (value === undefined) return otherwise;
  if (!/^[1-9]\d{0,6}$/.test(value)) throw new OperatorError(`--${name} must be a whole number above 0, is ${value}.`);
  return Number(value);
}

/** A port to listen on. 0 takes any free one. Throws an OperatorError for a port that cannot exist. */
export function port(options: Options, otherwise: number): number {
  if (text(options, 'port') === '0') return 0;
  const value = count(options, 'port', otherwise);
  if (value > 65_535) throw new OperatorError(`--port must be at most 65535, is ${value}.`);
  return value;
}

/** The start of a UTC hour, ms since 1970. */
export const hour = (options: Options, name: string): number | undefined =>
  time(options, name, { what: 'an hour', like: '2026-01-02T03', form: /^\d{4}-\d\d-\d\dT\d\d$/, rest: ':00:00Z' });

/** The start of a UTC day, ms since 1970. */
export const day = (options: Options, name: string): number | undefined =>
  time(options, name, { what: 'a day', like: '2026-01-02', form: /^\d{4}-\d\d-\d\d$/, rest: '' });

function time(
  options: Options,
  name: string,
  { what, like, form, rest }: { what: string; like: string; form: RegExp; rest: string },
): number | undefined {
  const value = text(options, name);
  if (value === undefined) return undefined;
  const at = form.test(value) ? Date.parse(value + rest) : Number.NaN;
  if (Number.isNaN(at)) throw new OperatorError(`--${name} must be ${what} in UTC like ${like}, is ${value}.`);
  return at;
}

/** The queue of --queue, which must exist. `undefined`: not given. */
export function queue(options: Options, names: { queueNames: readonly string[] }): string | undefined {
  const value = text(options, 'queue');
  return value === undefined ? undefined : knownQueue(names, value);
}

/** The JSON of a file that an operator named. Rejects with an OperatorError. */
export async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadable(file, error);
  });
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be personal.
    throw new OperatorError(`${file}: is not JSON.`);
  }
}

/** The error for an operator, if a file cannot be opened. Any other error stays as it is. */
export function unreadable(file: string, error: unknown): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  // Node has codes for the system's errors, and for a name with a zero byte.
  return /^E[A-Z]+$|^ERR_INVALID_ARG_VALUE$/.test(code)
    ? new OperatorError(`${file}: cannot be read (${code}).`)
    : error;
}

import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { knownQueue, OperatorError } from '../../lib/operate/ops/operator';
import { jsonOf } from '../../lib/platform/text';
import { fromCsv, InvalidRecipientsError, type Read } from '../../lib/queues/emails/recipients';
import type { Connection } from './connect';
import type { NamedTarget, Serverless } from './target';
import type { Output } from './terminal';

export interface Option {
  usage: string;
  type: 'string' | 'boolean';
  required?: boolean;
}

export type Options = Record<string, string | boolean | undefined>;

export interface Command {
  usage: string;
  /** A word after the command stands for `id` or a required `vendor`, as in `sls jobs show ID`. */
  options: Record<string, Option>;
  /** It works without credentials, so it names the deployment itself if it finds one. A name: only with that option. */
  offline?: true | string;
  /** It changes something, so it has `--yes` and `--reason`. A name means: only with that option. */
  writes?: true | string;
  /** It shows personal data, so it has `--reason`. */
  reads?: true;
  /** It needs the resources of the template, which only Serverless has. */
  template?: true;
  /** Rejects with an OperatorError or a StoreError; the user sees its message. */
  run(context: CommandContext): Promise<void>;
}

export interface CommandContext {
  options: Options;
  out: Output;
  /** Prints the answer: JSON with --json, else the lines. */
  answer: (json: unknown, lines: readonly string[]) => void;
  serverless: Serverless;
  target: () => Promise<NamedTarget>;
  connect: () => Promise<Connection>;
  /** Stores who runs this command and why, once. Returns the id of that object. Comes before the first change. */
  audited: () => Promise<string>;
  /** A command to copy, with options that select this deployment: `jobs show ID` becomes `npx sls jobs show ID …`. */
  sls: (text: string) => string;
}

export const QUEUE: Option = { usage: 'Queue, as in custom.queues', type: 'string' };
export const JSON_OUTPUT: Option = { usage: 'Print JSON', type: 'boolean' };
export const YES: Option = { usage: 'Skip the confirmation', type: 'boolean' };
export const END = {
  for: { usage: 'How long, like 90m, 2h or 3d. Default: 24h', type: 'string' },
  until: { usage: 'End in UTC, like 2026-01-02T03:30, or never', type: 'string' },
} as const;
const UNITS_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const YEAR_MS = 366 * 86_400_000;

const utcMinute = z.iso.datetime({ precision: -1 });
/** A minute in UTC, ms since 1970. JavaScript alone takes a day that does not exist for another one. */
const minute = (time: string): number => (utcMinute.safeParse(time).success ? Date.parse(time) : Number.NaN);

/** The end that --for or --until means, ms since 1970. `undefined`: never, on purpose. */
export function end(options: Options, now: number): number | undefined {
  const until = text(options, 'until');
  if (until === 'never') return undefined;
  const [, count, unit = ''] = /^(\d{1,4})([mhd])$/.exec(text(options, 'for') ?? '24h') ?? [];
  const lengthMs = Number(count) * (UNITS_MS[unit] ?? Number.NaN);
  const at = until === undefined ? now + lengthMs : minute(`${until}Z`);
  if (at > now && at < now + YEAR_MS) return at;
  throw new OperatorError(
    'The end must be in the future and within a year: --for 90m, 2h or 3d, or --until 2026-01-02T03:30 (UTC) or never.',
  );
}

export const HOURS = {
  from: { usage: 'First hour (UTC), like 2026-01-02T03. At most 90 days ago', type: 'string' },
  to: { usage: 'End of the hours (UTC). Default: now', type: 'string' },
} as const;

export function text(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function required(options: Options, name: string): string {
  const value = text(options, name);
  if (value === undefined) throw new OperatorError(`--${name} is required.`);
  return value;
}

export function oneOf<T extends string>(options: Options, name: string, values: readonly T[]): T {
  const value = required(options, name);
  if (values.includes(value as T)) return value as T;
  throw new OperatorError(`--${name} must be one of ${values.join(', ')}, is ${value}.`);
}

export function count(
  options: Options,
  name: string,
  { otherwise, least = 1, most = 1_000_000 }: { otherwise: number; least?: number; most?: number },
): number {
  const value = text(options, name);
  if (value === undefined) return otherwise;
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new OperatorError(`--${name} must be a whole number from ${least} to ${most}, is ${value}.`);
}

/** The start of a UTC hour, day or month, ms since 1970. `undefined`: not given. */
export const hour = timeOption(':00Z', 'an hour in UTC like 2026-01-02T03');
export const day = timeOption('T00:00Z', 'a day in UTC like 2026-01-02');
export const month = timeOption('-01T00:00Z', 'a month like 2026-01');

/** `rest`: what makes a minute of it. */
function timeOption(rest: string, like: string) {
  return (options: Options, name: string): number | undefined => {
    const value = text(options, name);
    if (value === undefined) return undefined;
    const at = minute(value + rest);
    if (Number.isNaN(at)) throw new OperatorError(`--${name} must be ${like}, is ${value}.`);
    return at;
  };
}

/** The queue of --queue, which must exist. `undefined`: not given. */
export function queue(options: Options, names: { queueNames: readonly string[] }): string | undefined {
  const value = text(options, 'queue');
  return value === undefined ? undefined : knownQueue(names, value);
}

/** Asks before a command changes many things, unless --yes is given. Rejects with an OperatorError without a terminal. */
export async function confirmed(question: string, { options, out }: CommandContext): Promise<boolean> {
  const answer = options.yes === true ? 'yes' : await out.ask(`${question} Type yes to begin: `);
  if (answer === undefined) throw new OperatorError('There is no terminal to ask on. Nothing was changed. Add --yes.');
  if (answer.trim() === 'yes') return true;
  out.line('Nothing was changed.');
  return false;
}

export const bytesOf = (file: string): Promise<Buffer> =>
  readFile(file).catch((error: NodeJS.ErrnoException) => {
    // Node has codes for the system's errors, and for a name with a zero byte.
    if (!/^E[A-Z]+$|^ERR_INVALID_ARG_VALUE$/.test(error.code ?? '')) throw error;
    throw new OperatorError(`${file}: cannot be read (${error.code}).`);
  });

/** The JSON of a file that an operator named. Rejects with an OperatorError. */
export async function readJson(file: string): Promise<unknown> {
  const value = jsonOf((await bytesOf(file)).toString());
  if (value === undefined) throw new OperatorError(`${file}: is not JSON.`);
  return value;
}

/** The rows of a CSV file that an operator named, before any check. Rejects with an OperatorError. */
export async function readCsv(file: string): Promise<Read[]> {
  const rows: Read[] = [];
  try {
    for await (const read of fromCsv(await bytesOf(file))) rows.push(read);
    return rows;
  } catch (error) {
    throw error instanceof InvalidRecipientsError ? new OperatorError(`${file}: ${error.message}.`) : error;
  }
}

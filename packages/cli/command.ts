import type { Connection } from './connect';
import type { Serverless } from './serverless';
import type { NamedTarget } from './target';
import type { Output } from './terminal';

export interface Option {
  usage: string;
  type: 'string' | 'boolean';
  shortcut?: string;
  required?: boolean;
}

export type Options = Record<string, string | boolean | undefined>;

export interface Command {
  usage: string;
  /** A word after the command stands for `id`, as in `sls jobs show ID`. */
  options: Record<string, Option>;
  /** It reads and writes files of this project only, so it names no deployment and asks no question. */
  offline?: true;
  /** It changes something, so it has `--yes` and `--reason`. A name means: only with that option. */
  writes?: true | string;
  /** It reports credentials of another account itself, among all other problems. */
  checksAccount?: true;
  /** Rejects with an OperatorError or a StoreError; the user sees its message. */
  run(context: CommandContext): Promise<void>;
}

export interface CommandContext {
  options: Options;
  out: Output;
  serverless: Serverless;
  target: () => Promise<NamedTarget>;
  connect: () => Promise<Connection>;
  /** Stores who runs this command and why, once. Returns the id of that object. Comes before the first change. */
  audited: () => Promise<string>;
  /** A command to copy, with options that select this deployment: `jobs show ID` becomes `npx sls jobs show ID …`. */
  sls: (text: string) => string;
}

export const QUEUE: Option = { usage: 'Queue, as in custom.queues', type: 'string', shortcut: 'q' };
export const JSON_OUTPUT: Option = { usage: 'Print JSON', type: 'boolean' };
export const YES: Option = { usage: 'Skip the confirmation', type: 'boolean' };
export const HOURS = {
  from: { usage: 'First hour (UTC), like 2026-01-02T03. At most 90 days ago', type: 'string' },
  to: { usage: 'End of the hours (UTC). Default: now', type: 'string' },
} as const;

import type { Deployment } from '../ops/deployment';
import type { OperatorDeps, Reader } from '../ops/operator';
import type { Target } from '../target';
import type { Source } from '../verify/read';
import type { Serverless } from './serverless';

export interface Option {
  usage: string;
  type: 'string' | 'boolean';
  shortcut?: string;
  required?: boolean;
}

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
}

/** The code of a command. Rejects with an OperatorError or a StoreError; the user sees its message. */
export type Run = (context: CommandContext) => Promise<void>;

export interface CommandContext {
  options: Record<string, string | boolean | undefined>;
  out: Output;
  target: Target;
  /** A command to copy, with the options that select this deployment: `jobs show ID` becomes `npx sls jobs show ID …`. */
  sls: (text: string) => string;
  serverless: Serverless;
  /** Connects to the stage's table and bucket. */
  reader: () => Promise<Reader>;
  /** Connects to all services of the stage. */
  operator: () => Promise<OperatorDeps>;
  /** Stores who runs this command and why, once. Returns the id of that object. Comes before the first change. */
  audited: () => Promise<string>;
  /** Connects to all services, to the queues' event source mappings and to CloudWatch. */
  deployment: () => Promise<Deployment>;
  /** What `sls verify` reads, through clients of the AWS SDK. */
  source: () => Promise<Source>;
  publishAlarm: (message: { subject: string; text: string }) => Promise<void>;
}

/** A command's answer goes only to standard output, so that it can be piped. */
export interface Output {
  line: (text: string) => void;
  lines: (texts: readonly string[]) => void;
  json: (value: unknown) => void;
  note: (text: string) => void;
  /** Shows the progress on standard error, if that is a terminal, until all is done. */
  progress: (done: number, of: number) => void;
  exitCode: (code: number) => void;
  /** Is aborted by the first Ctrl-C from now on. A second Ctrl-C ends the process as usual. */
  interrupted: () => AbortSignal;
  /** Asks for a line on standard error. `undefined`: there is no terminal to ask on. */
  ask: (question: string) => Promise<string | undefined>;
}

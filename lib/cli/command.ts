import type { OperatorDeps, Reader } from '../ops/operator';

export interface Option {
  usage: string;
  type: 'string' | 'boolean';
  shortcut?: string;
  required?: boolean;
}

/** The interface of one of our `sls` commands. */
export interface Command {
  usage: string;
  options?: Record<string, Option>;
  /** The option that the word after the command stands for, as in `sls jobs show ID`. */
  positional?: string;
}

/** The code of a command. Rejects with an OperatorError or a StoreError; the user sees its message. */
export type Run = (context: CommandContext) => Promise<void>;

export interface CommandContext {
  options: Record<string, string | boolean | undefined>;
  out: Output;
  /** Connects to the stage's table and bucket. */
  reader: () => Promise<Reader>;
  /** Connects to all services of the stage. */
  operator: () => Promise<OperatorDeps>;
}

/** A command's answer goes only to standard output, so that it can be piped. */
export interface Output {
  line: (text?: string) => void;
  json: (value: unknown) => void;
  /** To standard error. */
  note: (text: string) => void;
  /** A progress bar on standard error, if that is a terminal. */
  progress: (total: number) => { set: (done: number) => void; stop: () => void };
  exitCode: (code: number) => void;
}

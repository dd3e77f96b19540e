import type { OperatorDeps } from './operator';

export interface Option {
  usage: string;
  type: 'string' | 'boolean';
  shortcut?: string;
  required?: boolean;
}

/** How one of the project's own commands on `sls` is called. */
export interface Command {
  usage: string;
  options?: Record<string, Option>;
  /** The option that a word behind the command's own stands for: `sls jobs show ID`. */
  positional?: string;
}

/** What a command does. Rejects with an OperatorError or a StoreError, whose message is shown. */
export type Run = (context: CommandContext) => Promise<void>;

/** What commands take that read, or decide about a campaign; nothing of it is SQS's. */
export type Reader = Pick<
  OperatorDeps,
  'table' | 'ledger' | 'objects' | 'clock' | 'random' | 'prefix' | 'settings' | 'queueNames'
>;

export interface CommandContext {
  options: Record<string, string | boolean | undefined>;
  out: Output;
  /** Connects to the stage's table and bucket. */
  reader: () => Promise<Reader>;
  /** Connects to everything of the stage. */
  operator: () => Promise<OperatorDeps>;
}

/** Where a command's answer goes: to standard output alone, so that it can be piped. */
export interface Output {
  line: (text?: string) => void;
  json: (value: unknown) => void;
  /** To standard error. */
  note: (text: string) => void;
  /** A bar on standard error, where that is a terminal. */
  progress: (total: number) => { set: (done: number) => void; stop: () => void };
  exitCode: (code: number) => void;
}

import { createHash } from 'node:crypto';
import { DAY_MS } from '../draw/build';
import type { Kernel } from './kernel';

export interface Entry {
  time: number;
  /** The invocation, client, operator or part of the platform that acted. */
  who: string;
  what: string;
  /** The fault or the reason. Empty if all went well. */
  outcome: string;
  detail: string;
}

type Added = Pick<Entry, 'who' | 'what'> & { outcome?: string; detail?: (() => string) | undefined };

export function createTrace(kernel: Pick<Kernel, 'now'>, { detailed }: { detailed: boolean }) {
  const entries: Entry[] = [];
  return {
    entries,
    /** Calls `detail` only if the trace will be printed. */
    add: ({ who, what, outcome = '', detail }: Added) => {
      entries.push({ time: kernel.now(), who, what, outcome, detail: detailed && detail ? detail() : '' });
    },
    hash: () => {
      const digest = createHash('sha256');
      for (const { time, who, what, outcome } of entries) digest.update(`${time} ${who} ${what} ${outcome}\n`);
      return digest.digest('hex');
    },
  };
}

export type Trace = ReturnType<typeof createTrace>;

/** The run as readable text. Times count from its start. */
export function timeline({ entries }: Pick<Trace, 'entries'>, start: number): string {
  const lines = entries.map(({ time, who, what, outcome, detail }) =>
    [elapsed(time - start).padStart(12), '', who.padEnd(14), what.padEnd(24), outcome.padEnd(14), detail].join(' '),
  );
  return lines.map((line) => line.trimEnd()).join('\n');
}

function elapsed(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  return `${days > 0 ? `${days}d ` : ''}${new Date(ms).toISOString().slice(11, 23)}`;
}

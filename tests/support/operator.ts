import type { CommandContext, Output } from '../../lib/cli/command';
import type { CommandName } from '../../lib/cli/commands';
import { runOf } from '../../lib/cli/runs';
import { slsCommand } from '../../lib/target';
import type { memoryEngine } from './engine';

/** The output of a command. */
export interface Recorded {
  lines: string[];
  json: unknown;
  notes: string[];
  exitCode: number | undefined;
  /** What was shown as done, of how many. */
  progress: [done: number, of: number][];
}

/** An output that records everything. `answer`: what the operator types. */
export function recordingOutput(answer?: string): { out: Output; recorded: Recorded } {
  const recorded: Recorded = { lines: [], json: undefined, notes: [], exitCode: undefined, progress: [] };
  const out: Output = {
    line: (text) => void recorded.lines.push(text),
    lines: (texts) => void recorded.lines.push(...texts),
    json: (value) => {
      recorded.json = JSON.parse(JSON.stringify(value));
    },
    note: (text) => void recorded.notes.push(text),
    progress: (...step) => void recorded.progress.push(step),
    interrupted: () => new AbortController().signal,
    exitCode: (code) => {
      recorded.exitCode = code;
    },
    ask: async (question) => {
      recorded.notes.push(question);
      return answer;
    },
  };
  return { out, recorded };
}

/** The id of the audit object of each command. */
export const AUDIT = '0190a1b2-0000-7000-8000-0000000000ad';

/** A deployment for tests. */
export const aTarget = { instance: 'acme', stage: 'prod', region: 'eu-central-1', account: '123456789012' };
export const targetContext = {
  target: aTarget,
  sls: (text: string) => slsCommand(text, aTarget),
  deployment: () => Promise.reject(new Error('not needed')),
  source: () => Promise.reject(new Error('not needed')),
  publishAlarm: () => Promise.reject(new Error('not needed')),
  audited: async () => AUDIT,
  serverless: undefined as never,
};

/** Runs an `sls` command, given its words, against an engine in memory. */
export async function command(
  { deps }: Pick<ReturnType<typeof memoryEngine>, 'deps'>,
  name: CommandName,
  options: CommandContext['options'] = {},
  answer?: string,
): Promise<Recorded> {
  const { out, recorded } = recordingOutput(answer);
  await runOf(name)({ ...targetContext, options, out, reader: async () => deps, operator: async () => deps });
  return recorded;
}

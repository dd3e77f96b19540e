import { slsCommand } from '../../lib/platform/target';
import type { CommandContext, Options } from '../../packages/cli/command';
import { type CommandName, commands } from '../../packages/cli/commands';
import type { Connection } from '../../packages/cli/connect';
import type { Output } from '../../packages/cli/terminal';
import { fakeServerless } from './serverless';

interface Recorded {
  lines: string[];
  json: unknown;
  notes: string[];
  exitCode: number | undefined;
  /** What was shown as done, of how many. */
  progress: [done: number, of: number, text?: string | undefined][];
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

export const AUDIT = '0190a1b2-0000-7000-8000-0000000000ad';

export const aTarget = { instance: 'acme', stage: 'prod', region: 'eu-central-1', account: '123456789012' };

export const contextOf = (deps: object, options: Options, out: Output): CommandContext => ({
  ...{ options, out, sls: (text) => slsCommand(text, aTarget), audited: async () => AUDIT },
  answer: (json, lines) => (options.json ? out.json(json) : out.lines(lines)),
  connect: async () => deps as Connection,
  target: async () => ({ ...aTarget, by: 'arn:aws:iam::123456789012:user/jane' }),
  serverless: fakeServerless(),
});

/** Runs an `sls` command, given its words, through these dependencies. `answer`: what the operator types. */
export async function command({ deps }: { deps: object }, name: CommandName, options: Options = {}, answer?: string) {
  const { out, recorded } = recordingOutput(answer);
  await commands[name].run(contextOf(deps, options, out));
  return recorded;
}

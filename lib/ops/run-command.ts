import { ConfigError } from '../config';
import { StoreError } from '../errors';
import type { CommandContext, Output, Run } from './command';
import type { CommandName } from './commands';
import { type Connection, connect } from './connect';
import { OperatorError } from './operator';
import { runs } from './runs';
import type { Serverless } from './serverless';
import { terminal } from './terminal';

/** Runs a command of `sls` on the stage that `sls` was called for. */
export const runNamed = (
  name: CommandName,
  serverless: Serverless,
  options: CommandContext['options'],
): Promise<void> =>
  runCommand(runs[name], { serverless, options, out: terminal, connect: () => connect(serverless, terminal) });

/**
 * Runs what a command does. What it rejects with becomes Serverless's own kind of error, which is shown without a stack;
 * Serverless prints errors to standard output, so with `--json` they go to standard error instead.
 */
export async function runCommand(
  run: Run,
  {
    serverless,
    options,
    out,
    connect,
  }: {
    serverless: Serverless;
    options: CommandContext['options'];
    out: Output;
    connect: () => Promise<Connection>;
  },
): Promise<void> {
  try {
    await run({
      options,
      out,
      reader: async () => (await connect()).reader,
      operator: async () => (await connect()).operator(),
    });
  } catch (error) {
    if (!(error instanceof OperatorError || error instanceof StoreError || error instanceof ConfigError)) throw error;
    const message = sentence(error.message);
    if (!options.json) throw new serverless.classes.Error(message, 'OPERATOR');
    out.note(message);
    out.exitCode(1);
  }
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

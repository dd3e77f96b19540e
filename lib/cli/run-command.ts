import { ConfigError } from '../config';
import { StoreError } from '../errors';
import { OperatorError } from '../ops/operator';
import type { CommandContext, Output, Run } from './command';
import type { CommandName } from './commands';
import { type Connection, connect } from './connect';
import { runs } from './runs';
import type { Serverless } from './serverless';
import { terminal } from './terminal';

/** Runs one of our commands on the stage of the `sls` call. */
export const runNamed = (
  name: CommandName,
  serverless: Serverless,
  options: CommandContext['options'],
): Promise<void> =>
  runCommand(runs[name], { serverless, options, out: terminal, connect: () => connect(serverless, terminal) });

/**
 * Runs a command. An expected error becomes an error of Serverless, which is shown without its stack. Serverless prints
 * errors to standard output, so with `--json` the message goes to standard error instead.
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

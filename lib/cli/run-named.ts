import type { CommandContext } from './command';
import { type CommandName, commands } from './commands';
import { connect } from './connect';
import { runCommand } from './run-command';
import { runOf } from './runs';
import type { Serverless } from './serverless';
import { terminal } from './terminal';

/** Runs one of our commands on the deployment of the `sls` call. */
export function runNamed(name: CommandName, serverless: Serverless, options: CommandContext['options']): Promise<void> {
  const call = { name, command: commands[name], serverless, options, out: terminal };
  return runCommand(runOf(name), { ...call, connect: () => connect(serverless, terminal) });
}

import { ConfigError } from '../config';
import { StoreError } from '../errors';
import { InstanceProblems } from '../instances/problems';
import { OperatorError } from '../ops/operator';
import { slsCommand, type Target } from '../target';
import type { Command, CommandContext, Output, Run } from './command';
import { type CommandName, commands } from './commands';
import { confirmWrite } from './confirm';
import { type Connection, connect } from './connect';
import { dryOutput, dryRunLines, isDryRun } from './dry-run';
import { producerAccess } from './producer-access';
import { runs } from './runs';
import type { Serverless } from './serverless';
import { namedTargetOf, targetOf, targetText } from './target';
import { terminal } from './terminal';

/** Runs one of our commands on the deployment of the `sls` call. */
export const runNamed = (
  name: CommandName,
  serverless: Serverless,
  options: CommandContext['options'],
): Promise<void> =>
  runCommand(runs[name], {
    command: commands[name],
    serverless,
    options,
    out: terminal,
    connect: (touch) => connect(serverless, terminal, touch),
  });

interface Call {
  command: Command;
  serverless: Serverless;
  options: CommandContext['options'];
  out: Output;
  /** `touch`: write nothing, and call this with each change instead. */
  connect: (touch?: (what: string) => void) => Promise<Connection>;
}

/**
 * Runs a command. It first names the deployment, and asks before it changes production. An expected error becomes an
 * error of Serverless, which is shown without its stack. Serverless prints errors to standard output, so with `--json`
 * the message goes to standard error instead.
 */
export async function runCommand(run: Run, { serverless, ...call }: Call): Promise<void> {
  const target = targetOf(serverless);
  try {
    // A group such as `sls jobs` only lists its commands.
    if (call.command.options !== undefined && !call.command.offline)
      call.out.note(targetText(await namedTargetOf(serverless)));
    await runOn(run, target, { ...call, serverless, producer: producerAccess(serverless) });
  } catch (error) {
    if (
      !(
        error instanceof OperatorError ||
        error instanceof StoreError ||
        error instanceof ConfigError ||
        error instanceof InstanceProblems
      )
    )
      throw error;
    const next = error instanceof OperatorError && error.next ? ` ${slsCommand(error.next, target)}` : '';
    const message = `${sentence(error.message)}${next}`;
    if (!call.options.json) throw new serverless.classes.Error(message, 'OPERATOR');
    call.out.note(message);
    call.out.exitCode(1);
  }
}

async function runOn(
  run: Run,
  target: Target,
  { command, options, out, connect, producer, serverless }: Call & Pick<CommandContext, 'producer'>,
) {
  const writes = command.writes === true || (command.writes !== undefined && options[command.writes] === true);
  const dry = isDryRun(options);
  if (writes && !dry) await confirmWrite(target, { options, out });
  const touched = new Set<string>();
  const connected = () => connect(dry ? (what) => void touched.add(what) : undefined);
  await run({
    options,
    out: dry ? dryOutput(out) : out,
    target,
    sls: (text) => slsCommand(text, target),
    producer,
    serverless,
    reader: async () => (await connected()).reader,
    operator: async () => (await connected()).operator(),
    source: async () => (await connected()).source(),
    publishAlarm: async (message) => (await connected()).publishAlarm(message),
  });
  if (dry) for (const line of dryRunLines(touched)) (options.json ? out.note : out.line)(line);
}

const sentence = (text: string): string => (/[.!?:]$/.test(text) ? text : `${text}.`);

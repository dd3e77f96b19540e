import { ConfigError } from '../config/environment';
import { StoreError } from '../errors';
import { InstanceProblems } from '../instances/problems';
import { IllegalTransitionError } from '../jobs/transitions';
import { type Act, auditChange } from '../ops/audit-trail';
import { OperatorError } from '../ops/operator';
import { isProduction, slsCommand, type Target, withCommand } from '../target';
import type { Command, CommandContext, Output, Run } from './command';
import { type CommandName, commands } from './commands';
import { type Connection, connect } from './connect';
import { text } from './options';
import { runOf } from './runs';
import type { Serverless } from './serverless';
import { callerOf, namedTargetOf, requireOwnAccount, targetOf, targetText } from './target';
import { terminal } from './terminal';

export interface Call {
  name: string;
  command: Command;
  serverless: Serverless;
  options: CommandContext['options'];
  out: Output;
  connect: () => Promise<Connection>;
}

/** Runs one of our commands on the deployment of the `sls` call. */
export const runNamed = (name: CommandName, serverless: Serverless, options: Call['options']): Promise<void> =>
  runCommand(runOf(name), {
    ...{ name, command: commands[name], serverless, options, out: terminal },
    connect: () => connect(serverless, terminal),
  });

/**
 * Runs a command. It first names the deployment, and asks before it changes production. An expected error becomes an
 * error of Serverless, which is shown without its stack. Serverless prints errors to standard output, so with `--json`
 * the message goes to standard error instead.
 */
export async function runCommand(run: Run, call: Call): Promise<void> {
  const { serverless, command, options, out } = call;
  const target = targetOf(serverless);
  try {
    if (!command.offline) await showTarget(command, call);
    await runOn(run, target, call);
  } catch (error) {
    if (!isExpected(error)) throw error;
    const next = error instanceof OperatorError ? error.next : undefined;
    const problem = withCommand(sentence(error.message) + hintOf(error), next, target);
    if (!options.json) throw new serverless.classes.Error(problem, 'OPERATOR');
    out.note(problem);
    out.exitCode(1);
  }
}

/** Names the deployment, and refuses credentials that are not its own, unless the command reports them itself. */
async function showTarget({ checksAccount }: Command, { serverless, out }: Call): Promise<void> {
  try {
    const named = await namedTargetOf(serverless);
    out.note(targetText(named));
    if (!checksAccount) requireOwnAccount(named, serverless);
  } catch (error) {
    if (!checksAccount || !(error instanceof OperatorError)) throw error;
  }
}

const hintOf = (error: Error): string =>
  error instanceof StoreError && error.code === 'DynamoDB.ResourceNotFoundException'
    ? ' Is the stage deployed in this account and region?'
    : '';

/** An error whose message says all that an operator needs. Any other one is shown with its stack. */
export const isExpected = (error: unknown): error is Error =>
  [OperatorError, StoreError, IllegalTransitionError, ConfigError, InstanceProblems].some(
    (expected) => error instanceof expected,
  );

async function runOn(run: Run, target: Target, { name, command, options, out, connect, serverless }: Call) {
  const { writes } = command;
  if (writes === true || (writes !== undefined && options[writes] === true))
    await confirmProduction(target, { options, out });
  let stored: Promise<string> | undefined;
  const audit = async () => {
    const { reader, publishAlarm } = await connect();
    return auditChange({ ...reader, publishAlarm, note: out.note }, await actOf(name, { serverless, options, out }));
  };
  await run({
    options,
    out,
    target,
    sls: (text) => slsCommand(text, target),
    serverless,
    reader: async () => (await connect()).reader,
    operator: async () => (await connect()).operator(),
    audited: () => (stored ??= audit()),
    deployment: async () => (await connect()).deployment(),
    source: async () => (await connect()).source(),
    publishAlarm: async (message) => (await connect()).publishAlarm(message),
  });
}

const sentence = (text: string): string => (/[.!?:]$/.test(text) ? text : `${text}.`);

/** Options that say how a command runs, not what it does. */
const HOW = ['yes', 'json', 'reason', 'stage', 'region', 'param', 'verbose', 'debug'];

/** What the audit object says about a command. In production an operator who gave no `--reason` is asked for one. */
async function actOf(
  action: string,
  { serverless, options, out }: { serverless: Serverless } & Pick<CommandContext, 'options' | 'out'>,
): Promise<Act> {
  const { instance, stage } = targetOf(serverless);
  const asks = isProduction({ stage }) && options.yes !== true;
  const reason = text(options, 'reason') ?? (asks ? await out.ask('Why? (for the audit) ') : undefined);
  return {
    ...{ action, instance, stage, arguments: argumentsOf(options), by: await callerOf(serverless) },
    ...(reason?.trim() ? { reason: reason.trim() } : {}),
  };
}

/** Options that name a person. The audit only says that they were given. */
const PERSONAL = ['user', 'email'];

function argumentsOf(options: CommandContext['options']): Act['arguments'] {
  const given = Object.entries(options).flatMap(([name, value]) =>
    value === undefined || value === false || HOW.includes(name)
      ? []
      : [[name, PERSONAL.includes(name) ? true : value] as const],
  );
  return Object.fromEntries(given);
}

/**
 * Asks an operator to type the instance's name before a command changes production. `--yes` answers in advance. A removal
 * needs the name even then, in `--confirm`. Throws an OperatorError if the answer is another name, or if there is no
 * terminal to ask on.
 */
export async function confirmProduction(
  target: Target,
  { options, out, removes = false }: Pick<CommandContext, 'options' | 'out'> & { removes?: boolean },
): Promise<void> {
  const { instance } = target;
  const answered = removes ? options.confirm === instance : options.yes === true;
  if (!isProduction(target) || answered) return;
  const does = `This ${removes ? 'removes' : 'changes'} ${instance} in production`;
  const answer = await out.ask(`${does}. Type ${instance} to continue: `);
  if (answer === undefined)
    throw new OperatorError(
      `${does}, and there is no terminal to ask on. Nothing was changed. Add ${removes ? `--confirm ${instance}` : '--yes'} to run it without a question.`,
    );
  if (answer.trim() !== instance) throw new OperatorError(`The answer is not ${instance}. Nothing was changed.`);
}

import { ConfigError } from '../config/environment';
import { StoreError } from '../errors';
import { InstanceProblems } from '../instances/problems';
import { IllegalTransitionError } from '../jobs/transitions';
import { auditChange } from '../ops/audit-trail';
import { OperatorError } from '../ops/operator';
import { slsCommand, type Target, withCommand } from '../target';
import { actOf } from './act';
import { type Command, type CommandContext, type Output, type Run, writesNow } from './command';
import { confirmWrite } from './confirm';
import type { Connection } from './connect';
import type { Serverless } from './serverless';
import { namedTargetOf, requireOwnAccount, targetOf, targetText } from './target';

export interface Call {
  name: string;
  command: Command;
  serverless: Serverless;
  options: CommandContext['options'];
  out: Output;
  connect: () => Promise<Connection>;
}

/**
 * Runs a command. It first names the deployment, and asks before it changes production. An expected error becomes an
 * error of Serverless, which is shown without its stack. Serverless prints errors to standard output, so with `--json`
 * the message goes to standard error instead.
 */
export async function runCommand(run: Run, call: Call): Promise<void> {
  const { serverless, command, options, out } = call;
  const target = targetOf(serverless);
  try {
    // A group such as `sls jobs` only lists its commands.
    if (command.options !== undefined && !command.offline) {
      const named = await namedTargetOf(serverless);
      out.note(targetText(named));
      if (!command.checksAccount) requireOwnAccount(named, serverless);
    }
    await runOn(run, target, call);
  } catch (error) {
    if (!isExpected(error)) throw error;
    const next = error instanceof OperatorError ? error.next : undefined;
    const problem = withCommand(sentence(error.message), next, target);
    if (!options.json) throw new serverless.classes.Error(problem, 'OPERATOR');
    out.note(problem);
    out.exitCode(1);
  }
}

/** An error whose message says all that an operator needs. Any other one is shown with its stack. */
export const isExpected = (error: unknown): error is Error =>
  [OperatorError, StoreError, IllegalTransitionError, ConfigError, InstanceProblems].some(
    (expected) => error instanceof expected,
  );

async function runOn(run: Run, target: Target, { name, command, options, out, connect, serverless }: Call) {
  if (writesNow(command, options)) await confirmWrite(target, { options, out });
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

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
import { dryOutput, dryRunLines, isDryRun } from './dry-run';
import { producerAccess } from './producer-access';
import type { Serverless } from './serverless';
import { namedTargetOf, requireOwnAccount, targetOf, targetText } from './target';

export interface Call {
  name: string;
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
    await runOn(run, target, { ...call, producer: producerAccess(serverless) });
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

async function runOn(
  run: Run,
  target: Target,
  { name, command, options, out, connect, producer, serverless }: Call & Pick<CommandContext, 'producer'>,
) {
  const dry = isDryRun(options);
  if (writesNow(command, options) && !dry) await confirmWrite(target, { options, out });
  const touched = new Set<string>();
  const connected = () => connect(dry ? (what) => void touched.add(what) : undefined);
  let stored: Promise<string> | undefined;
  const audit = async () => {
    const { reader, publishAlarm } = await connected();
    return auditChange({ ...reader, publishAlarm, note: out.note }, await actOf(name, { serverless, options, out }));
  };
  await run({
    options,
    out: dry ? dryOutput(out) : out,
    target,
    sls: (text) => slsCommand(text, target),
    producer,
    serverless,
    reader: async () => (await connected()).reader,
    operator: async () => (await connected()).operator(),
    audited: () => (stored ??= dry ? Promise.resolve('of-the-dry-run') : audit()),
    deployment: async () => (await connected()).deployment(),
    source: async () => (await connected()).source(),
    publishAlarm: async (message) => (await connected()).publishAlarm(message),
  });
  if (dry) for (const line of dryRunLines(touched)) (options.json ? out.note : out.line)(line);
}

const sentence = (text: string): string => (/[.!?:]$/.test(text) ? text : `${text}.`);

import { IllegalTransitionError } from '../../lib/engine/jobs/transitions';
import { InvalidJobError } from '../../lib/engine/submit/errors';
import { type Act, audit, OperatorError } from '../../lib/operate/ops/operator';
import { ConfigError } from '../../lib/platform/config/common';
import { StoreError } from '../../lib/platform/errors';
import { isProduction, slsCommand, type Target } from '../../lib/platform/target';
import { InstanceProblems } from '../../resources/instances/problems';
import { type Command, type CommandContext, type Options, text } from './command';
import { type Connection, connect } from './connect';
import { announce, type NamedTarget, namedTargetOf, type Serverless, targetOf } from './target';
import { type Output, terminal } from './terminal';

export interface Call {
  name: string;
  command: Command;
  serverless: Serverless;
  options: Options;
  out?: Output;
  connectTo?: (target: NamedTarget) => Promise<Connection>;
}

/** Runs a command of ours. It first names the deployment of the `sls` call, and asks before it changes production. */
export async function runCommand(call: Call): Promise<void> {
  const { name, command, serverless, options, out = terminal } = call;
  const { connectTo = (target) => connect(serverless, target, out) } = call;
  const { writes, reads, offline } = command;
  const deployment = targetOf(serverless);
  const target = once(() => namedTargetOf(serverless));
  const connection = once(async () => connectTo(await target()));
  const applies = (to: true | string | undefined) => to === true || Boolean(to && options[to]);
  try {
    if (!applies(offline)) announce(await target(), serverless, out);
    if (applies(writes)) await confirmProduction(deployment, { options, out });
    await command.run({
      options,
      out,
      serverless,
      target,
      connect: connection,
      audited: once(async () => {
        const act = await actOf(name, deployment, { options, out });
        return audit(await connection(), { ...act, ...(reads && { reads }) });
      }),
      answer: (json, lines) => (options.json ? out.json(json) : out.lines(lines)),
      sls: (words) => slsCommand(words, deployment),
    });
  } catch (error) {
    out.note(problemOf(error));
    out.exitCode(1);
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** An error whose message says all that an operator needs. Any other one is shown with its stack. */
const EXPECTED = [OperatorError, InvalidJobError, StoreError, IllegalTransitionError, ConfigError, InstanceProblems];

/** The sentence of an expected error. Throws any other one. */
export function problemOf(error: unknown): string {
  if (!(error instanceof Error && EXPECTED.some((expected) => error instanceof expected))) throw error;
  const sentence = /[.!?]$|: sls /.test(error.message) ? error.message : `${error.message}.`;
  const noTable = error instanceof StoreError && error.code === 'DynamoDB.ResourceNotFoundException';
  return noTable ? `${sentence} Is the stage deployed in this account and region?` : sentence;
}

/** Options that say how a command runs, not what it does. */
const HOW = ['yes', 'json', 'reason', 'stage', 'region', 'param', 'verbose', 'debug'];
/** Options that name a person. The audit only says that they were given. */
const PERSONAL = ['user', 'email'];

type Asking = Pick<CommandContext, 'options' | 'out'>;

/** What the audit object says about a command. In production an operator who gave no `--reason` is asked for one. */
async function actOf(action: string, { stage }: Target, { options, out }: Asking): Promise<Act> {
  const asks = isProduction({ stage }) && options.yes !== true;
  const reason = text(options, 'reason') ?? (asks ? await out.ask('Why? (for the audit) ') : undefined);
  const given: Record<string, string | boolean> = {};
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && value !== false && !HOW.includes(name))
      given[name] = PERSONAL.includes(name) || String(value).includes('@') || value;
  return { action, stage, arguments: given, reason };
}

/** Asks for the instance's name before production changes. `--yes` answers, or `--confirm` for a removal. */
export async function confirmProduction(
  { instance, stage }: Target,
  { options, out, removes = false }: Asking & { removes?: boolean },
): Promise<void> {
  const answered = removes ? options.confirm === instance : options.yes === true;
  if (!isProduction({ stage }) || answered) return;
  const does = `This ${removes ? 'removes' : 'changes'} ${instance} in production`;
  const answer = await out.ask(`${does}. Type ${instance} to continue: `);
  if (answer === undefined)
    throw new OperatorError(
      `${does}, and there is no terminal to ask on. Nothing was changed. Add ${removes ? `--confirm ${instance}` : '--yes'} to run it without a question.`,
    );
  if (answer.trim() !== instance) throw new OperatorError(`The answer is not ${instance}. Nothing was changed.`);
}

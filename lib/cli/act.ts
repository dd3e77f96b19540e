import type { Act } from '../ops/audit-trail';
import { isProduction } from '../target';
import type { CommandContext } from './command';
import { text } from './options';
import type { Serverless } from './serverless';
import { callerOf, targetOf } from './target';

/** Options that say how a command runs, not what it does. */
const HOW = ['yes', 'json', 'reason', 'stage', 'region', 'param', 'verbose', 'debug'];

/** What the audit object says about a command. In production an operator who gave no `--reason` is asked for one. */
export async function actOf(
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

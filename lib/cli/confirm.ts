import { OperatorError } from '../ops/operator';
import { isProduction, type Target } from '../target';
import type { CommandContext, Output } from './command';

/**
 * Asks an operator to type the instance's name before a command changes production. `--yes` answers in advance. Throws
 * an OperatorError if the answer is another name, or if there is no terminal to ask on.
 */
export async function confirmWrite(
  target: Target,
  { options, out }: { options: CommandContext['options']; out: Pick<Output, 'ask'> },
): Promise<void> {
  const { instance } = target;
  if (!isProduction(target) || options.yes === true) return;
  const answer = await out.ask(`This changes ${instance} in production. Type ${instance} to continue: `);
  if (answer === undefined)
    throw new OperatorError(
      `This changes ${instance} in production, and there is no terminal to ask on. Nothing was changed. Add --yes to run it without a question.`,
    );
  if (answer.trim() !== instance) throw new OperatorError(`The answer is not ${instance}. Nothing was changed.`);
}

/**
 * Asks for the instance's name before production is left without protection. `--yes` is not enough: without a terminal, the
 * name must be in `--confirm`. `what`: what the command does. Throws an OperatorError without the name.
 */
export async function confirmName(
  target: Target,
  { what, options, out }: { what: string; options: CommandContext['options']; out: Pick<Output, 'ask'> },
): Promise<void> {
  const { instance } = target;
  if (!isProduction(target) || options.confirm === instance) return;
  const answer = await out.ask(`This ${what}. Type ${instance} to continue: `);
  if (answer?.trim() === instance) return;
  throw new OperatorError(
    `This ${what}. It needs the name of the instance: type it, or add --confirm ${instance}. Nothing was changed.`,
  );
}

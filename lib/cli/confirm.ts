import { OperatorError } from '../ops/operator';
import { isProduction, type Target } from '../target';
import type { CommandContext, Output } from './command';

interface Asked {
  options: CommandContext['options'];
  out: Pick<Output, 'ask'>;
}

/**
 * Asks an operator to type the instance's name before a command changes production. `--yes` answers in advance. Throws
 * an OperatorError if the answer is another name, or if there is no terminal to ask on.
 */
export const confirmWrite = (target: Target, { options, out }: Asked): Promise<void> =>
  confirm(target, { what: 'changes', answered: options.yes === true, flag: '--yes', out });

/** The same before an instance is removed. `--yes` is not enough: without a terminal, the name must be in `--confirm`. */
export const confirmRemoval = (target: Target, { options, out }: Asked): Promise<void> =>
  confirm(target, {
    ...{ what: 'removes', answered: options.confirm === target.instance, out },
    flag: `--confirm ${target.instance}`,
  });

async function confirm(
  target: Target,
  { what, answered, flag, out }: { what: string; answered: boolean; flag: string } & Pick<Asked, 'out'>,
): Promise<void> {
  const { instance } = target;
  if (!isProduction(target) || answered) return;
  const does = `This ${what} ${instance} in production`;
  const answer = await out.ask(`${does}. Type ${instance} to continue: `);
  if (answer === undefined)
    throw new OperatorError(
      `${does}, and there is no terminal to ask on. Nothing was changed. Add ${flag} to run it without a question.`,
    );
  if (answer.trim() !== instance) throw new OperatorError(`The answer is not ${instance}. Nothing was changed.`);
}

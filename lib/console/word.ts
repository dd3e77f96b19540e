import { OperatorError } from '../ops/operator';
import { isProduction } from '../target';
import type { ConsoleDeps } from './deps';

/** What an operator says before an action. */
export interface Word {
  reason: string;
  /** The typed name of the instance. */
  instance: string;
}

/** Which words an action needs. */
export interface Needs {
  needsReason: boolean;
  needsName: boolean;
}

/** In production each action needs a reason, and one that changes many jobs the instance's name too. */
export function needsOf(
  { target }: Pick<ConsoleDeps, 'target'>,
  { reason = false, many = false }: { reason?: boolean | undefined; many?: boolean | undefined },
): Needs {
  const production = isProduction(target);
  return { needsReason: reason || production, needsName: many && production };
}

/** Throws an OperatorError if this console only reads, or if the operator did not say what the action needs. */
export function confirmed({ write, target }: ConsoleDeps, needs: Needs, { reason, instance }: Word): void {
  if (!write) throw new OperatorError('This console only reads. Start it with --write to allow actions.');
  if (needs.needsReason && reason.trim() === '') throw new OperatorError('Say why. The audit needs a reason.');
  if (needs.needsName && instance !== target.instance)
    throw new OperatorError(`Type ${target.instance} to change many jobs of production. Nothing was changed.`);
}

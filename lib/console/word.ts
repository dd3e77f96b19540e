import { OperatorError } from '../ops/operator';
import { isProduction } from '../target';
import type { ConsoleDeps } from './deps';

/** What an operator says before an action. */
export interface Word {
  reason: string;
}

/** What an action needs to be told. */
export interface Needs {
  needsReason: boolean;
}

/** In production each action needs a reason. */
export const needsOf = ({ target }: Pick<ConsoleDeps, 'target'>, reason: boolean): Needs => ({
  needsReason: reason || isProduction(target),
});

/** Throws an OperatorError if this console only reads, or if the operator did not say what the action needs. */
export function confirmed({ write }: ConsoleDeps, { needsReason }: Needs, { reason }: Word): void {
  if (!write) throw new OperatorError('This console only reads. Start it with --write to allow actions.');
  if (needsReason && reason.trim() === '') throw new OperatorError('Say why. The audit needs a reason.');
}

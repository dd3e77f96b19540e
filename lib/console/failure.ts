import { StoreError } from '../errors';
import { OperatorError } from '../ops/operator';
import { withCommand } from '../target';
import type { ConsoleDeps } from './deps';

/** The HTTP status of an error, and what the page shows of it. */
export interface Shown {
  status: 409 | 500 | 502;
  error: string;
}

/** The text of an unknown error may hold personal data, so only its name is logged. */
export function failureOf({ deployment, target }: ConsoleDeps, error: unknown): Shown {
  if (error instanceof OperatorError) return { status: 409, error: withCommand(error.message, error.next, target) };
  if (error instanceof StoreError) return { status: 502, error: error.message };
  deployment.log.error('the console failed', { code: error instanceof Error ? error.name : 'Error' });
  return { status: 500, error: 'The console failed. This is a mistake in its code.' };
}

import { StopError } from '../errors';
import type { Secret } from './secret';

export interface Attempt {
  secret: string;
  /** What is left of the call's time. */
  timeoutMs: number;
}

/**
 * Runs a call with the secret, and once more with a fresh one if the vendor answers 401: a key that was replaced is
 * picked up without a deployment. Safe for any call, since a 401 did nothing. Both share one time-out.
 */
export async function withSecret<T>(
  secret: Secret,
  { timeoutMs, call }: { timeoutMs: number; call: (attempt: Attempt) => Promise<T> },
): Promise<T> {
  const end = performance.now() + timeoutMs;
  const left = () => Math.max(1, Math.ceil(end - performance.now()));
  try {
    return await call({ secret: await secret(), timeoutMs: left() });
  } catch (error) {
    if (!(error instanceof StopError && error.status === 401)) throw error;
  }
  return call({ secret: await secret({ fresh: true }), timeoutMs: left() });
}

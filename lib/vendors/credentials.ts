import { StopError } from '../errors';
import type { Secret } from '../ports';

export interface CallOptions {
  /** For the whole call, including a second try with a fresh secret. */
  timeoutMs: number;
}

export interface Attempt {
  secret: string;
  /** What is left of the call's time. */
  timeoutMs: number;
}

/**
 * Runs a call with the secret, and again with a fresh secret if the vendor answers 401. So a replaced key works without
 * a deployment. This is safe for any call, because a 401 has no effect. Both tries share one time-out.
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

/** Zendesk's header for basic authentication with an API token. */
export const basicAuthorization = (email: string, token: string): string =>
  `Basic ${Buffer.from(`${email}/token:${token}`).toString('base64')}`;

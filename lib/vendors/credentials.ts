import { StopError } from '../errors';
import type { Secret } from '../ports';
import { type Dialect, type Effect, translate } from './translate';

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
 * Makes the calls to one vendor, with any failure as our error. If the vendor refuses the secret, it calls again with a
 * fresh one. So a replaced key works without a deployment. This is safe for any call, because such an answer has no
 * effect. Both tries share one time-out.
 */
export function vendorCalls({ dialect, secret, now }: { dialect: Dialect; secret: Secret; now: () => number }) {
  const { secretRefused = 401 } = dialect;
  return async <T>(effect: Effect, timeoutMs: number, call: (attempt: Attempt) => Promise<T>): Promise<T> => {
    const end = performance.now() + timeoutMs;
    const left = () => Math.max(1, Math.ceil(end - performance.now()));
    const attempt = async (fresh?: { fresh: true }) =>
      call({ secret: await secret(fresh), timeoutMs: left() }).catch((error: unknown) => {
        throw translate(error, { dialect, effect, now: now() });
      });
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StopError && error.status === secretRefused)) throw error;
    }
    return attempt({ fresh: true });
  };
}

/** Zendesk's header for basic authentication with an API token. */
export const basicAuthorization = (email: string, token: string): string =>
  `Basic ${Buffer.from(`${email}/token:${token}`).toString('base64')}`;

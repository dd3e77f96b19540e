import type { Secret } from '../ports';
import { createBudget } from './app-store-connect-budget';
import { translate, unclear } from './app-store-connect-errors';
import { appStoreConnectToken } from './app-store-connect-token';
import { withSecret } from './credentials';
import { type HttpAnswer, isOk, NotOk, request } from './http';
import type { Effect } from './translate';

export interface AppStoreConnectConfig {
  /** `https://api.appstoreconnect.apple.com`, or the URL of a fake. */
  endpoint: string;
  issuerId: string;
  keyId: string;
  privateKey: Secret;
  /** How long after an unanswered call its effect may first show, ms. */
  settleAfterMs: number;
  now?: () => number;
}

export interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  /** Includes the query. */
  path: string;
  body?: object;
  timeoutMs: number;
  /** Whether this answers the call. Any other success is not from Apple, for example a page of a proxy. */
  expected: (answer: HttpAnswer) => boolean;
}

/** Carries the adapter's calls to App Store Connect. */
export interface AppStoreConnectTransport {
  /** Rejects with a JobError and nothing else. */
  call(call: Call): Promise<HttpAnswer>;
  /** See AppStoreConnect. */
  waitMs(): number;
}

/** Makes signed calls over HTTP. */
export function appStoreConnectTransport(config: AppStoreConnectConfig): AppStoreConnectTransport {
  const { endpoint, issuerId, keyId, privateKey, settleAfterMs, now = Date.now } = config;
  const base = endpoint.replace(/\/+$/, '');
  const token = appStoreConnectToken({ issuerId, keyId, privateKey, now });
  const budget = createBudget(now);

  const call = ({ method, path, body, timeoutMs, expected }: Call): Promise<HttpAnswer> =>
    withSecret(token, {
      timeoutMs,
      call: async ({ secret, timeoutMs }) => {
        try {
          const answer = await request({
            method,
            url: base + path,
            headers: {
              Authorization: `Bearer ${secret}`,
              Accept: 'application/json',
              ...(body ? { 'Content-Type': 'application/json' } : {}),
            },
            ...(body ? { body: JSON.stringify(body) } : {}),
            timeoutMs,
          });
          budget.learn(answer.headers);
          return answered({ method, expected }, answer, settleAfterMs);
        } catch (error) {
          throw translate({ error, effect: effectOf(method), now: now(), settleAfterMs });
        }
      },
    });

  return { call, waitMs: budget.waitMs };
}

/** Returns the answer if it answers this call, else throws. */
export function answered(
  { method, expected }: Pick<Call, 'method' | 'expected'>,
  answer: HttpAnswer,
  settleAfterMs: number,
): HttpAnswer {
  if (expected(answer)) return answer;
  if (!isOk(answer)) throw new NotOk(answer);
  throw unclear({ effect: effectOf(method), status: answer.status, settleAfterMs });
}

/**
 * No change is repeatable, although Apple accepts the same change twice. A late repeat would overwrite what a later job
 * did.
 */
export const effectOf = (method: Call['method']): Effect => (method === 'GET' ? 'repeatable' : 'once');

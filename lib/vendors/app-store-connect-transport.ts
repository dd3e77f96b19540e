import { createBudget } from './app-store-connect-budget';
import { translate, unclear } from './app-store-connect-errors';
import { appStoreConnectToken } from './app-store-connect-token';
import { withSecret } from './credentials';
import { type HttpAnswer, NotOk, request } from './http';
import type { Secret } from './secret';
import type { Effect } from './translate';

export interface AppStoreConnectConfig {
  /** `https://api.appstoreconnect.apple.com`, or a fake's. */
  endpoint: string;
  issuerId: string;
  keyId: string;
  privateKey: Secret;
  /** How late the effect of a call whose end is unknown may still show. */
  settleMs: number;
  now?: () => number;
}

export interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  /** With its query. */
  path: string;
  body?: object;
  timeoutMs: number;
  /** Whether this is an answer to the call. Another success is somebody else's, a proxy's page for one. */
  expected: (answer: HttpAnswer) => boolean;
}

/** Signed calls to App Store Connect; each rejects with a JobError and nothing else. */
export function appStoreConnectTransport(config: AppStoreConnectConfig) {
  const { endpoint, issuerId, keyId, privateKey, settleMs, now = Date.now } = config;
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
          if (expected(answer)) return answer;
          if (answer.status < 200 || answer.status > 299) throw new NotOk(answer);
          throw unclear({ effect: effectOf(method), status: answer.status, settleMs });
        } catch (error) {
          throw translate({ error, effect: effectOf(method), now: now(), settleMs });
        }
      },
    });

  return { call, waitMs: budget.waitMs };
}

/**
 * No change is repeatable, though Apple takes the same one twice: one that comes late would land on top of what a
 * later job did.
 */
export const effectOf = (method: Call['method']): Effect => (method === 'GET' ? 'repeatable' : 'once');

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

/** How the adapter reaches App Store Connect. */
export interface AppStoreConnectTransport {
  /** Rejects with a JobError and nothing else. */
  call(call: Call): Promise<HttpAnswer>;
  /** See AppStoreConnect. */
  waitMs(): number;
}

/** Signed calls over HTTP. */
export function appStoreConnectTransport(config: AppStoreConnectConfig): AppStoreConnectTransport {
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
          return answered({ method, expected }, answer, settleMs);
        } catch (error) {
          throw translate({ error, effect: effectOf(method), now: now(), settleMs });
        }
      },
    });

  return { call, waitMs: budget.waitMs };
}

/** The answer, if it is one to this call. */
export function answered(
  { method, expected }: Pick<Call, 'method' | 'expected'>,
  answer: HttpAnswer,
  settleMs: number,
): HttpAnswer {
  if (expected(answer)) return answer;
  if (answer.status < 200 || answer.status > 299) throw new NotOk(answer);
  throw unclear({ effect: effectOf(method), status: answer.status, settleMs });
}

/**
 * No change is repeatable, though Apple takes the same one twice: one that comes late would land on top of what a
 * later job did.
 */
export const effectOf = (method: Call['method']): Effect => (method === 'GET' ? 'repeatable' : 'once');

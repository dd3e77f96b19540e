import { importPKCS8, SignJWT } from 'jose';
import { StopError } from '../errors';
import type { Secret } from '../ports';
import { createBudget } from './app-store-connect-budget';
import { translate, unclear } from './app-store-connect-errors';
import { withSecret } from './credentials';
import { type HttpAnswer, isOk, NotOk, request } from './http';

export interface AppStoreConnectConfig {
  /** `https://api.appstoreconnect.apple.com`, or the URL of a fake. */
  endpoint: string;
  /** The team's issuer id, a UUID. */
  issuerId: string;
  keyId: string;
  /** The PKCS #8 PEM from Apple. Its line breaks may be written as \n. */
  privateKey: Secret;
  now?: () => number;
}

export type Method = 'GET' | 'POST' | 'DELETE';

export interface Call {
  method: Method;
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

export function appStoreConnectTransport(config: AppStoreConnectConfig): AppStoreConnectTransport {
  const { endpoint, now = Date.now } = config;
  const base = endpoint.replace(/\/+$/, '');
  const token = tokens({ ...config, now });
  const budget = createBudget(now);

  const call = (made: Call): Promise<HttpAnswer> =>
    withSecret(token, {
      timeoutMs: made.timeoutMs,
      call: async ({ secret, timeoutMs }) => {
        const { method, path, body } = made;
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
          return answered(made, answer);
        } catch (error) {
          throw translate({ error, method, now: now() });
        }
      },
    });

  return { call, waitMs: budget.waitMs };
}

/** Returns the answer if it answers this call, else throws. */
export function answered({ method, expected }: Pick<Call, 'method' | 'expected'>, answer: HttpAnswer): HttpAnswer {
  if (expected(answer)) return answer;
  throw isOk(answer) ? unclear(method, answer.status) : new NotOk(answer);
}

const MINUTE_S = 60;
/** Apple refuses a token from its future, so `iat` is earlier by as much as our clock may be ahead. */
const SKEW_S = MINUTE_S;
/** Counts from `iat`. Apple accepts at most 20 minutes. */
const LIFETIME_S = 19 * MINUTE_S;
/** Make a new token this long before the old one expires, so that none expires during a call. */
const MARGIN_S = 2 * MINUTE_S;

/**
 * Makes ES256 tokens and reuses each until shortly before it expires. `fresh` also reads the key again, because it may
 * have been replaced. Rejects with a StopError that never quotes the key if the key is not valid.
 */
function tokens({ issuerId, keyId, privateKey, now }: AppStoreConnectConfig & { now: () => number }): Secret {
  let known: { token: string; until: number } | undefined;
  return async ({ fresh = false } = {}) => {
    if (known && !fresh && now() < known.until) return known.token;
    const pem = await privateKey({ fresh });
    const issuedAt = Math.floor(now() / 1000) - SKEW_S;
    const expiresAt = issuedAt + LIFETIME_S;
    const claims = new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid: keyId, typ: 'JWT' })
      .setIssuer(issuerId)
      .setAudience('appstoreconnect-v1')
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt);
    known = { token: await signed(claims, pem), until: (expiresAt - MARGIN_S) * 1000 };
    return known.token;
  };
}

async function signed(claims: SignJWT, pem: string): Promise<string> {
  try {
    return await claims.sign(await importPKCS8(pem.replaceAll('\\n', '\n'), 'ES256'));
  } catch {
    // No cause, because the library's error may quote the key.
    throw new StopError({
      code: 'AppStoreConnectMisconfigured',
      message: 'the private key is not a P-256 key in PKCS #8 PEM',
      vendor: 'app-store-connect',
    });
  }
}

import { importPKCS8, SignJWT } from 'jose';
import * as z from 'zod';
import { type JobError, PermanentError, StopError, WaitError } from '../errors';
import type { Secret } from '../ports';
import { createBudget, exhaustedMs } from './app-store-connect-budget';
import { vendorCalls } from './credentials';
import { type HttpAnswer, isOk, NotOk, request } from './http';
import { type Dialect, type Effect, fieldName, malformed } from './translate';

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

export interface Call<T = unknown> {
  method: 'GET' | 'POST' | 'DELETE';
  /** Includes the query. */
  path: string;
  body?: object;
  timeoutMs: number;
  /** What an answer says. `undefined` if it does not answer the call: a refusal, or a page of a proxy. */
  read: (answer: HttpAnswer) => T | undefined;
}

export type AppStoreConnectTransport = ReturnType<typeof appStoreConnectTransport>;

export function appStoreConnectTransport(config: AppStoreConnectConfig) {
  const { endpoint, now = Date.now } = config;
  const base = endpoint.replace(/\/+$/, '');
  const budget = createBudget(now);
  const calling = vendorCalls({ dialect: appStoreConnect, secret: tokens({ ...config, now }), now });

  return {
    /** Rejects with a JobError and nothing else. */
    call: <T>(made: Call<T>): Promise<T> =>
      calling(effectOf(made.method), made.timeoutMs, async ({ secret, timeoutMs }) => {
        const { method, path, body } = made;
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
      }),
    waitMs: budget.waitMs,
  };
}

export function answered<T>({ method, read }: Call<T>, answer: HttpAnswer): T {
  const said = read(answer);
  if (said !== undefined) return said;
  throw isOk(answer) ? unclear(method, answer.status) : new NotOk(answer);
}

/** Apple refuses a change, perhaps because it is already done. Read the state back to find out. */
export class Contradiction extends PermanentError {}

export const appStoreConnect: Dialect = {
  vendor: 'app-store-connect',
  prefix: 'AppStoreConnect',
  doubtful: new Set([408]),
  // A 404 is about a group, a build or a tester of the job.
  aboutUs: new Set([402, 405]),
  field: (body) => pointedAt(errorsOf(body)[0]),
  refined: (_error, answer) => ofCode(answer),
};

const errorSchema = z.object({
  code: z.string(),
  source: z.object({ pointer: z.string().optional(), parameter: z.string().optional() }).optional(),
});
type AppleError = z.infer<typeof errorSchema>;

function errorsOf(body: unknown): AppleError[] {
  const parsed = z.object({ errors: z.array(errorSchema) }).safeParse(body);
  return parsed.success ? parsed.data.errors : [];
}

/** `/data/attributes/email` → `data.attributes.email`. */
const pointedAt = (error: AppleError | undefined): string | undefined =>
  fieldName(error?.source?.parameter ?? error?.source?.pointer?.replace(/^\//, '').replaceAll('/', '.'));

/** Apple refines codes with dots, so a finer code still begins with the code that we know. */
export const hasCode = (answer: HttpAnswer, code: string): boolean =>
  errorsOf(answer.body).some((error) => error.code === code || error.code.startsWith(`${code}.`));

/** Apple accepts a change twice, but a late repeat would overwrite what a later job did. */
export const effectOf = (method: string): Effect => (method === 'GET' ? 'repeatable' : 'once');

export const unclear = (method: string, status: number): JobError =>
  malformed({ dialect: appStoreConnect, effect: effectOf(method), status });

/** Our error for a code that says more than its status. It never quotes Apple's text, which repeats our request. */
function ofCode(answer: HttpAnswer): JobError | undefined {
  const { status, headers } = answer;
  const details = { vendor: 'app-store-connect', status } as const;
  if (hasCode(answer, 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED'))
    return new StopError({ ...details, code: 'AgreementMissing', message: 'an agreement with Apple is not signed' });
  const waitMs = status === 429 && headers['retry-after'] === undefined ? exhaustedMs(headers) : undefined;
  if (waitMs !== undefined)
    return new WaitError({
      ...details,
      code: 'AppStoreConnectBudget',
      message: "no calls of this hour's budget are left",
      waitMs,
    });
  if (status === 409 && !hasCode(answer, 'ENTITY_ERROR.ATTRIBUTE'))
    return new Contradiction({
      ...details,
      code: 'AppStoreConnectConflict',
      message: 'Apple says that the change conflicts with the current state (409)',
    });
  return undefined;
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
    const signed = importPKCS8(pem.replaceAll('\\n', '\n'), 'ES256').then((key) => claims.sign(key));
    const token = await signed.catch(() => {
      // No cause, because the library's error may quote the key.
      throw new StopError({
        code: 'AppStoreConnectMisconfigured',
        message: 'the private key is not a P-256 key in PKCS #8 PEM',
        vendor: 'app-store-connect',
      });
    });
    known = { token, until: (expiresAt - MARGIN_S) * 1000 };
    return token;
  };
}

import type { IncomingHttpHeaders } from 'node:http';
import { importPKCS8, SignJWT } from 'jose';
import * as z from 'zod';
import { type JobError, PermanentError, StopError, WaitError } from '../errors';
import type { Secret } from '../ports';
import { type Dialect, type Effect, fieldName, type HttpAnswer, request, UnexpectedAnswer, vendorCalls } from './http';

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
      calling(effectOf(made), made.timeoutMs, async ({ secret, timeoutMs }) => {
        const { method, path, body } = made;
        const answer = await request({
          method,
          url: base + path,
          headers: {
            Authorization: `Bearer ${secret}`,
            Accept: 'application/json',
            ...(body ? { 'Content-Type': 'application/json' } : {}),
          },
          body: body && JSON.stringify(body),
          timeoutMs,
        });
        budget.learn(answer.headers);
        return answered(made, answer);
      }),
    waitMs: budget.waitMs,
  };
}

export function answered<T>({ read }: Call<T>, answer: HttpAnswer): T {
  const said = read(answer);
  if (said === undefined) throw new UnexpectedAnswer(answer);
  return said;
}

/** Apple accepts a change twice, but a late repeat would overwrite what a later job did. */
export const effectOf = ({ method }: Call): Effect => (method === 'GET' ? 'repeatable' : 'once');

/** Apple refuses a change, perhaps because it is already done. Read the state back to find out. */
export class Contradiction extends PermanentError {}

export const appStoreConnect: Dialect = {
  vendor: 'app-store-connect',
  prefix: 'AppStoreConnect',
  doubtful: new Set([408]),
  // A 404 is about a group, a build or a tester of the job.
  aboutUs: new Set([402, 405]),
  /** `/data/attributes/email` → `data.attributes.email`. */
  field: (body) => {
    const { parameter, pointer } = errorsOf(body)[0]?.source ?? {};
    return fieldName(parameter ?? pointer?.replace(/^\//, '').replaceAll('/', '.'));
  },
  refined: (_error, answer) => ofCode(answer),
};

const errorList = z.object({
  errors: z.array(
    z.object({
      code: z.string(),
      source: z.object({ pointer: z.string().optional(), parameter: z.string().optional() }).optional(),
    }),
  ),
});

const errorsOf = (body: unknown) => errorList.safeParse(body).data?.errors ?? [];

/** Apple refines codes with dots, so a finer code still begins with the code that we know. */
export const hasCode = (answer: HttpAnswer, code: string): boolean =>
  errorsOf(answer.body).some((error) => `${error.code}.`.startsWith(`${code}.`));

/** Our error for a code that says more than its status. It never quotes Apple's text, which repeats our request. */
function ofCode(answer: HttpAnswer): JobError | undefined {
  const { status, headers } = answer;
  const details = (code: string, message: string) => ({ vendor: 'app-store-connect' as const, status, code, message });
  if (hasCode(answer, 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED'))
    return new StopError(details('AgreementMissing', 'an agreement with Apple is not signed'));
  if (status === 429 && headers['retry-after'] === undefined && callsLeft(headers)?.left === 0)
    return new WaitError({
      ...details('AppStoreConnectBudget', "no calls of this hour's budget are left"),
      waitMs: EXHAUSTED_MS,
    });
  if (status === 409 && !hasCode(answer, 'ENTITY_ERROR.ATTRIBUTE'))
    return new Contradiction(
      details('AppStoreConnectConflict', 'Apple says that the change conflicts with the current state (409)'),
    );
  return undefined;
}

const HOUR_MS = 3_600_000;
/** With less than this share of the hour's calls left, jobs begin with pauses between them. */
const SCARCE = 0.1;
/** The most calls that a job needs. With fewer left no job begins. */
const CALLS_OF_A_JOB = 10;
/** Apple does not say when calls of its rolling hour come back, so the next job waits this long. */
const EXHAUSTED_MS = 10 * 60_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * The hourly budget of one key, from the header of the last answer (`user-hour-lim:3500;user-hour-rem:500;`). Fewer
 * calls left mean longer pauses between jobs. No job begins without enough calls for it. All processes share the key,
 * and each one sees what is left for all.
 */
export function createBudget(now: () => number) {
  let known: { limit: number; left: number; at: number } | undefined;
  let begunAt = Number.NEGATIVE_INFINITY;

  return {
    learn: (headers: IncomingHttpHeaders): void => {
      const calls = callsLeft(headers);
      if (calls) known = { ...calls, at: now() };
    },
    /** Milliseconds until another job may begin. 0 means that it begins now, which counts as a start. */
    waitMs: (): number => {
      const time = now();
      const pause = known ? pauseMs(known, time) : 0;
      const wait = pause === EXHAUSTED_MS ? pause : begunAt + pause - time;
      if (wait > 0) return wait;
      begunAt = time;
      return 0;
    },
  };
}

function pauseMs({ limit, left, at }: { limit: number; left: number; at: number }, time: number): number {
  // An hour's calls come back within an hour. We assume that they come back evenly.
  const now = left + (limit * (time - at)) / HOUR_MS;
  if (now < CALLS_OF_A_JOB) return EXHAUSTED_MS;
  const scarce = limit * SCARCE;
  if (now >= scarce) return 0;
  return Math.min(LONGEST_PAUSE_MS, (CALLS_OF_A_JOB * HOUR_MS * scarce) / (limit * now));
}

function callsLeft({ 'x-rate-limit': header }: IncomingHttpHeaders): { limit: number; left: number } | undefined {
  const [, limit] = /user-hour-lim:\s*(\d+)/.exec(String(header)) ?? [];
  const [, left] = /user-hour-rem:\s*(\d+)/.exec(String(header)) ?? [];
  return limit && left ? { limit: Number(limit), left: Number(left) } : undefined;
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

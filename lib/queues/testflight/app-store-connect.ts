import type { IncomingHttpHeaders } from 'node:http';
import { importPKCS8, SignJWT } from 'jose';
import * as z from 'zod';
import { type JobError, PermanentError, StopError, WaitError } from '../../platform/errors';
import {
  type CallOptions,
  type Dialect,
  type Effect,
  fieldName,
  type HttpAnswer,
  request,
  UnexpectedAnswer,
  vendorCalls,
} from '../../platform/http';
import type { Secret } from '../../platform/ports';

const TESTER_STATES = ['NOT_INVITED', 'INVITED', 'ACCEPTED', 'INSTALLED', 'REVOKED', 'UNKNOWN'] as const;
/** Apple's state of a tester. `UNKNOWN` stands for any state that Apple added later. */
export type TesterState = (typeof TESTER_STATES)[number];

interface NewTester {
  email: string;
  firstName?: string | undefined;
  lastName?: string | undefined;
  groups: readonly string[];
}

/** `pending-build` means that no build can be installed yet, so Apple sent no mail. */
export type InviteOutcome = 'sent' | 'already-accepted' | 'pending-build';

/** The longest page that Apple allows. */
const MOST = 200;

const attributes = z.object({ email: z.string().optional(), state: z.enum(TESTER_STATES).catch('UNKNOWN') });
const identified = z.object({ id: z.string().min(1) });
const testers = z.object({ data: z.array(identified.extend({ attributes })) });
const created = z.object({ data: identified });
const linkages = z.object({ data: z.array(identified) });

export const realAppStoreConnect = (config: AppStoreConnectConfig): AppStoreConnect =>
  appStoreConnectOver(transport(config));

/**
 * TestFlight's part of App Store Connect, by Apple's ids. Every method rejects with a JobError that names no value. If
 * Apple contradicts a change, it is a Contradiction.
 */
export type AppStoreConnect = ReturnType<typeof appStoreConnectOver>;

export function appStoreConnectOver({ call, waitMs }: ReturnType<typeof transport>) {
  const create = <T>(type: string, data: object, { timeoutMs }: CallOptions, read: Call<T>['read']) =>
    call({ method: 'POST', path: `/v1/${type}`, body: { data: { type, ...data } }, timeoutMs, read });
  const change = async (method: 'POST' | 'DELETE', path: string, tester: string, { timeoutMs }: CallOptions) => {
    await call({ method, path, body: { data: [linkage('betaTesters', tester)] }, timeoutMs, read: done(202, 204) });
  };

  return {
    /** Milliseconds that the next job has to wait for the hour's budget. 0 lets it begin. */
    waitMs,

    /** Asks for one of our apps. */
    probe: ({ timeoutMs }: CallOptions): Promise<unknown> =>
      call({ method: 'GET', path: '/v1/apps?limit=1', timeoutMs, read: of(200, linkages) }),

    /** A person as the tester of one app. For another app the same person is another tester. */
    findTester: async ({ email, app }: { email: string; app: string }, { timeoutMs }: CallOptions) => {
      const path = testersNamed(email, app);
      const { data } = await call({ method: 'GET', path, timeoutMs, read: of(200, testers) });
      // Apple does not document that its filter matches the whole address only.
      const tester = data.find(({ attributes }) => attributes.email?.toLowerCase() === email.toLowerCase());
      return tester && { id: tester.id, state: tester.attributes.state };
    },

    /** Creates a tester in these groups, and so of their app. Apple may mail an invitation on its own. */
    createTester: async ({ email, firstName, lastName, groups }: NewTester, options: CallOptions) => {
      const relationships = { betaGroups: { data: groups.map((id) => linkage('betaGroups', id)) } };
      const tester = { attributes: { email, firstName, lastName }, relationships };
      return (await create('betaTesters', tester, options, of(201, created))).data;
    },

    /** The ids of the tester's groups, an empty list if there is no such tester. */
    groupsOf: async (tester: string, { timeoutMs }: CallOptions): Promise<string[]> => {
      const path = `/v1/betaTesters/${encodeURIComponent(tester)}/relationships/betaGroups?limit=${MOST}`;
      const read = (answer: HttpAnswer) => (isGone(answer) ? { data: [] } : of(200, linkages)(answer));
      return (await call({ method: 'GET', path, timeoutMs, read })).data.map(({ id }) => id);
    },

    /** As with `createTester`, Apple may mail an invitation. */
    addToGroup: ({ tester, group }: Membership, options: CallOptions) =>
      change('POST', testersOf('betaGroups', group), tester, options),
    removeFromGroup: ({ tester, group }: Membership, options: CallOptions) =>
      change('DELETE', testersOf('betaGroups', group), tester, options),
    removeFromApp: ({ tester, app }: TesterOfApp, options: CallOptions) =>
      change('DELETE', testersOf('apps', app), tester, options),

    invite: ({ app, tester }: TesterOfApp, options: CallOptions): Promise<InviteOutcome> => {
      // Apple deprecates the tester's part, but without it the request names no tester.
      const relationships = {
        app: { data: linkage('apps', app) },
        betaTester: { data: linkage('betaTesters', tester) },
      };
      return create('betaTesterInvitations', { relationships }, options, outcomeOf);
    },

    notifyBuild: async (build: string, options: CallOptions): Promise<void> => {
      const relationships = { build: { data: linkage('builds', build) } };
      await create('buildBetaNotifications', { relationships }, options, done(201));
    },
  };
}

const of =
  <T>(status: number, schema: z.ZodType<T>) =>
  (answer: HttpAnswer): T | undefined =>
    answer.status === status ? schema.safeParse(answer.body).data : undefined;

const done =
  (...statuses: number[]) =>
  ({ status }: HttpAnswer): true | undefined =>
    statuses.includes(status) || undefined;

const isGone = (answer: HttpAnswer): boolean => answer.status === 404 && hasCode(answer, 'NOT_FOUND');

type Membership = { tester: string; group: string };
type TesterOfApp = { tester: string; app: string };

const testersOf = (of: 'apps' | 'betaGroups', id: string): string =>
  `/v1/${of}/${encodeURIComponent(id)}/relationships/betaTesters`;

function testersNamed(email: string, app: string): string {
  const filter = { 'filter[email]': email, 'filter[apps]': app, 'fields[betaTesters]': 'email,state' };
  return `/v1/betaTesters?${new URLSearchParams({ ...filter, limit: String(MOST) })}`;
}

const linkage = (type: string, id: string) => ({ type, id });

/** The outcome of an invitation. Two conflicts are not failures. */
function outcomeOf(answer: HttpAnswer): InviteOutcome | undefined {
  if (answer.status === 201) return 'sent';
  if (answer.status !== 409) return undefined;
  if (hasCode(answer, 'STATE_ERROR.TESTER_INVITE.ALREADY_ACCEPTED')) return 'already-accepted';
  return hasCode(answer, 'STATE_ERROR.TESTER_INVITE.NO_INSTALLABLE_BUILDS') ? 'pending-build' : undefined;
}

interface AppStoreConnectConfig {
  /** `https://api.appstoreconnect.apple.com`, or the URL of a fake. */
  endpoint: string;
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

function transport(config: AppStoreConnectConfig) {
  const { endpoint, now = Date.now } = config;
  const base = endpoint.replace(/\/+$/, '');
  let freeAt = 0;
  const calling = vendorCalls({ dialect: appStoreConnect, secret: tokens({ ...config, now }), now });

  return {
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
        const left = callsLeft(answer.headers);
        if (left !== undefined) freeAt = left < CALLS_OF_A_JOB ? now() + EXHAUSTED_MS : 0;
        return answered(made, answer);
      }),
    /** Milliseconds until another job may begin, because few calls of the hour are left. All processes share the key. */
    waitMs: () => Math.max(0, freeAt - now()),
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
const hasCode = (answer: HttpAnswer, code: string): boolean =>
  errorsOf(answer.body).some((error) => `${error.code}.`.startsWith(`${code}.`));

/** Our error for a code that says more than its status. */
function ofCode(answer: HttpAnswer): JobError | undefined {
  const { status, headers } = answer;
  const details = (code: string, message: string) => ({ vendor: 'app-store-connect' as const, status, code, message });
  if (hasCode(answer, 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED'))
    return new StopError(details('AgreementMissing', 'an agreement with Apple is not signed'));
  if (status === 429 && headers['retry-after'] === undefined && callsLeft(headers) === 0)
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

/** The most calls that a job needs. With fewer left no job begins. */
const CALLS_OF_A_JOB = 10;
/** Apple does not say when calls of its rolling hour come back, so the next job waits this long. */
const EXHAUSTED_MS = 10 * 60_000;

/** What is left of the key's hour, from a header such as `user-hour-lim:3500;user-hour-rem:500;`. */
function callsLeft({ 'x-rate-limit': header }: IncomingHttpHeaders): number | undefined {
  const [, left] = /user-hour-rem:\s*(\d+)/.exec(String(header)) ?? [];
  return left === undefined ? undefined : Number(left);
}

/** Apple refuses a token from its future, so `iat` is earlier by as much as our clock may be ahead. */
const SKEW_S = 60;
/** Counts from `iat`. Apple accepts at most 20 minutes. */
const LIFETIME_S = 19 * 60;
/** Make a new token this long before the old one expires, so that none expires during a call. */
const MARGIN_S = 2 * 60;

/**
 * Makes ES256 tokens and reuses each until shortly before it expires. `fresh` also reads the key again. Rejects with a
 * StopError that never quotes the key if the key is not valid.
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

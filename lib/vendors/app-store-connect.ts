import * as z from 'zod';
import {
  type AppStoreConnectConfig,
  type AppStoreConnectTransport,
  appStoreConnectTransport,
  hasCode,
} from './app-store-connect-transport';
import type { CallOptions } from './credentials';
import type { HttpAnswer } from './http';

const TESTER_STATES = ['NOT_INVITED', 'INVITED', 'ACCEPTED', 'INSTALLED', 'REVOKED', 'UNKNOWN'] as const;
/** Apple's state of a tester. `UNKNOWN` stands for any state that Apple added later. */
export type TesterState = (typeof TESTER_STATES)[number];

/** A person as the tester of one app. For another app the same person is another tester. */
export interface Tester {
  id: string;
  state: TesterState;
}

interface NewTester {
  email: string;
  firstName?: string | undefined;
  lastName?: string | undefined;
  groups: readonly string[];
}

/**
 * TestFlight's part of App Store Connect. Apps, groups, builds and testers have Apple's ids. Every method rejects with
 * a JobError that names no value. If Apple contradicts a change, that error is a Contradiction.
 */
export interface AppStoreConnect {
  /** Milliseconds that the next job has to wait for the hour's budget. 0 lets it begin. */
  waitMs(): number;
  findTester(who: { email: string; app: string }, options: CallOptions): Promise<Tester | undefined>;
  /** Creates a tester in these groups, and so of their app. Apple may mail an invitation on its own. */
  createTester(who: NewTester, options: CallOptions): Promise<{ id: string }>;
  /** The ids of the tester's groups, an empty list if there is no such tester. */
  groupsOf(tester: string, options: CallOptions): Promise<string[]>;
  /** Apple may mail an invitation on its own. */
  addToGroup(of: { tester: string; group: string }, options: CallOptions): Promise<void>;
  removeFromGroup(of: { tester: string; group: string }, options: CallOptions): Promise<void>;
  removeFromApp(of: { tester: string; app: string }, options: CallOptions): Promise<void>;
  /** `pending-build` means that no build can be installed yet, so Apple sent no mail. */
  invite(who: { tester: string; app: string }, options: CallOptions): Promise<InviteOutcome>;
  /** Makes Apple mail the testers of the build. */
  notifyBuild(build: string, options: CallOptions): Promise<void>;
}

export type InviteOutcome = 'sent' | 'already-accepted' | 'pending-build';

/** The longest page that Apple allows. */
const MOST = 200;

const attributes = z.object({ email: z.string().optional(), state: z.enum(TESTER_STATES).catch('UNKNOWN') });
const identified = z.object({ id: z.string().min(1) });
const testers = z.object({ data: z.array(identified.extend({ attributes })) });
const created = z.object({ data: identified });
const linkages = z.object({ data: z.array(identified) });

export const realAppStoreConnect = (config: AppStoreConnectConfig): AppStoreConnect =>
  appStoreConnectOver(appStoreConnectTransport(config));

export function appStoreConnectOver({ call, waitMs }: AppStoreConnectTransport): AppStoreConnect {
  const change = async (method: 'POST' | 'DELETE', path: string, tester: string, { timeoutMs }: CallOptions) => {
    await call({ method, path, body: { data: [linkage('betaTesters', tester)] }, timeoutMs, read: done(202, 204) });
  };

  return {
    waitMs,

    findTester: async ({ email, app }, { timeoutMs }) => {
      const query = new URLSearchParams({
        'filter[email]': email,
        'filter[apps]': app,
        'fields[betaTesters]': 'email,state',
        limit: String(MOST),
      });
      const { data } = await call({
        method: 'GET',
        path: `/v1/betaTesters?${query}`,
        timeoutMs,
        read: of(200, testers),
      });
      // Apple does not document that its filter matches the whole address only.
      const tester = data.find(({ attributes }) => attributes.email?.toLowerCase() === email.toLowerCase());
      return tester && { id: tester.id, state: tester.attributes.state };
    },

    createTester: async (who, { timeoutMs }) => {
      const body = testerBody(who);
      const read = of(201, created);
      return (await call({ method: 'POST', path: '/v1/betaTesters', body, timeoutMs, read })).data;
    },

    groupsOf: async (tester, { timeoutMs }) => {
      const path = `/v1/betaTesters/${encodeURIComponent(tester)}/relationships/betaGroups?limit=${MOST}`;
      const read = (answer: HttpAnswer) => (isGone(answer) ? { data: [] } : of(200, linkages)(answer));
      return (await call({ method: 'GET', path, timeoutMs, read })).data.map(({ id }) => id);
    },

    addToGroup: ({ tester, group }, options) => change('POST', testersOf('betaGroups', group), tester, options),
    removeFromGroup: ({ tester, group }, options) => change('DELETE', testersOf('betaGroups', group), tester, options),
    removeFromApp: ({ tester, app }, options) => change('DELETE', testersOf('apps', app), tester, options),

    invite: ({ app, tester }, { timeoutMs }) => {
      // Apple deprecates the tester's part, but without it the request names no tester.
      const relationships = {
        app: { data: linkage('apps', app) },
        betaTester: { data: linkage('betaTesters', tester) },
      };
      const body = { data: { type: 'betaTesterInvitations', relationships } };
      return call({ method: 'POST', path: '/v1/betaTesterInvitations', body, timeoutMs, read: outcomeOf });
    },

    notifyBuild: async (build, { timeoutMs }) => {
      const relationships = { build: { data: linkage('builds', build) } };
      const body = { data: { type: 'buildBetaNotifications', relationships } };
      await call({ method: 'POST', path: '/v1/buildBetaNotifications', body, timeoutMs, read: done(201) });
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

const testersOf = (of: 'apps' | 'betaGroups', id: string): string =>
  `/v1/${of}/${encodeURIComponent(id)}/relationships/betaTesters`;

const linkage = (type: string, id: string) => ({ type, id });

export const testerBody = ({ email, firstName, lastName, groups }: NewTester) => ({
  data: {
    type: 'betaTesters',
    attributes: { email, firstName, lastName },
    relationships: { betaGroups: { data: groups.map((id) => linkage('betaGroups', id)) } },
  },
});

/** The outcome of an invitation. Two conflicts are not failures. */
function outcomeOf(answer: HttpAnswer): InviteOutcome | undefined {
  if (answer.status === 201) return 'sent';
  if (answer.status !== 409) return undefined;
  if (hasCode(answer, 'STATE_ERROR.TESTER_INVITE.ALREADY_ACCEPTED')) return 'already-accepted';
  return hasCode(answer, 'STATE_ERROR.TESTER_INVITE.NO_INSTALLABLE_BUILDS') ? 'pending-build' : undefined;
}

import * as z from 'zod';
import {
  type AppStoreConnectConfig,
  type AppStoreConnectTransport,
  appStoreConnectTransport,
  hasCode,
} from './app-store-connect-transport';
import type { CallOptions, HttpAnswer } from './http';

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
  appStoreConnectOver(appStoreConnectTransport(config));

/**
 * TestFlight's part of App Store Connect. Apps, groups, builds and testers have Apple's ids. Every method rejects with
 * a JobError that names no value. If Apple contradicts a change, that error is a Contradiction.
 */
export type AppStoreConnect = ReturnType<typeof appStoreConnectOver>;

export function appStoreConnectOver({ call, waitMs }: AppStoreConnectTransport) {
  const change = async (method: 'POST' | 'DELETE', path: string, tester: string, { timeoutMs }: CallOptions) => {
    await call({ method, path, body: { data: [linkage('betaTesters', tester)] }, timeoutMs, read: done(202, 204) });
  };

  return {
    /** Milliseconds that the next job has to wait for the hour's budget. 0 lets it begin. */
    waitMs,

    findTester: async (
      { email, app }: { email: string; app: string },
      { timeoutMs }: CallOptions,
    ): Promise<Tester | undefined> => {
      const query = new URLSearchParams({
        'filter[email]': email,
        'filter[apps]': app,
        'fields[betaTesters]': 'email,state',
        limit: String(MOST),
      });
      const path = `/v1/betaTesters?${query}`;
      const { data } = await call({ method: 'GET', path, timeoutMs, read: of(200, testers) });
      // Apple does not document that its filter matches the whole address only.
      const tester = data.find(({ attributes }) => attributes.email?.toLowerCase() === email.toLowerCase());
      return tester && { id: tester.id, state: tester.attributes.state };
    },

    /** Creates a tester in these groups, and so of their app. Apple may mail an invitation on its own. */
    createTester: async (who: NewTester, { timeoutMs }: CallOptions): Promise<{ id: string }> => {
      const read = of(201, created);
      return (await call({ method: 'POST', path: '/v1/betaTesters', body: testerBody(who), timeoutMs, read })).data;
    },

    /** The ids of the tester's groups, an empty list if there is no such tester. */
    groupsOf: async (tester: string, { timeoutMs }: CallOptions): Promise<string[]> => {
      const path = `/v1/betaTesters/${encodeURIComponent(tester)}/relationships/betaGroups?limit=${MOST}`;
      const read = (answer: HttpAnswer) => (isGone(answer) ? { data: [] } : of(200, linkages)(answer));
      return (await call({ method: 'GET', path, timeoutMs, read })).data.map(({ id }) => id);
    },

    /** Apple may mail an invitation on its own. */
    addToGroup: ({ tester, group }: Membership, options: CallOptions) =>
      change('POST', testersOf('betaGroups', group), tester, options),
    removeFromGroup: ({ tester, group }: Membership, options: CallOptions) =>
      change('DELETE', testersOf('betaGroups', group), tester, options),
    removeFromApp: ({ tester, app }: TesterOfApp, options: CallOptions) =>
      change('DELETE', testersOf('apps', app), tester, options),

    invite: ({ app, tester }: TesterOfApp, { timeoutMs }: CallOptions): Promise<InviteOutcome> => {
      // Apple deprecates the tester's part, but without it the request names no tester.
      const relationships = {
        app: { data: linkage('apps', app) },
        betaTester: { data: linkage('betaTesters', tester) },
      };
      const body = { data: { type: 'betaTesterInvitations', relationships } };
      return call({ method: 'POST', path: '/v1/betaTesterInvitations', body, timeoutMs, read: outcomeOf });
    },

    /** Makes Apple mail the testers of the build. */
    notifyBuild: async (build: string, { timeoutMs }: CallOptions): Promise<void> => {
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

type Membership = { tester: string; group: string };
type TesterOfApp = { tester: string; app: string };

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

import { decodeJwt, decodeProtectedHeader } from 'jose';
import { jsonOf } from '../../../lib/platform/text';
import { type FakeRequest, type Reply, reply, startFake } from './server';

export interface FakeApp {
  id: string;
  groups: string[];
  builds: string[];
  /** Whether Apple mails a tester who joins a group, if the app has a build. */
  invitesOnJoining: boolean;
}

export interface FakeTester {
  id: string;
  app: string;
  email: string;
  firstName?: string | undefined;
  lastName?: string | undefined;
  groups: string[];
  state: 'NOT_INVITED' | 'INVITED' | 'ACCEPTED' | 'INSTALLED' | 'REVOKED';
}

interface AppleMail {
  kind: 'invitation' | 'build';
  app: string;
  email?: string;
  build?: string;
  by: 'joining' | 'invitation' | 'notification';
}

export interface AppStoreConnectSeed {
  apps: FakeApp[];
  testers?: Omit<FakeTester, 'id'>[];
  refused?: string[];
}

/** The parts of JSON:API's bodies that the model reads. A test checks our bodies against Apple's schemas. */
interface Body {
  data: {
    attributes: Pick<FakeTester, 'email' | 'firstName' | 'lastName'>;
    relationships: Record<'app' | 'betaTester' | 'build', { data: { id: string } }> & {
      betaGroups: { data: { id: string }[] };
    };
  };
}

const invalid = (pointer: string) => refused(409, 'ENTITY_ERROR.RELATIONSHIP.INVALID', pointer);
/** Like Apple's own, the detail quotes the address. */
const unassignable = (email: string) => refused(409, 'STATE_ERROR', undefined, `${email} cannot be assigned`);
const NOT_FOUND = refused(404, 'NOT_FOUND');

/** A model of TestFlight's testers, groups and mails, without HTTP. */
export function appStoreConnectModel(seed: AppStoreConnectSeed) {
  const state = testFlight(seed);

  function handle({ method, path, query, body }: Pick<FakeRequest, 'method' | 'path' | 'query' | 'body'>): Reply {
    const [, , type, id = '', , relationship] = path.split('/');
    const route = ROUTES[[method, type, relationship].filter(Boolean).join(' ')];
    return route ? route(state, jsonOf(body) as Body, id, query) : refused(404, 'PATH_ERROR');
  }

  return { testers: state.testers, mails: state.mails, handle };
}

type TestFlight = ReturnType<typeof testFlight>;

function testFlight({ apps, testers: seeded = [], refused: refusedEmails = [] }: AppStoreConnectSeed) {
  const testers: FakeTester[] = [];
  const mails: AppleMail[] = [];
  let count = 0;

  const appOf = (group: string): FakeApp | undefined => apps.find(({ groups }) => groups.includes(group));
  const testerOf = (id: string): FakeTester | undefined => testers.find((tester) => tester.id === id);
  const add = (tester: Omit<FakeTester, 'id'>): FakeTester => {
    count += 1;
    const made = { ...tester, id: `00000000-0000-4000-8000-${String(count).padStart(12, '0')}` };
    testers.push(made);
    return made;
  };
  const mail = (tester: FakeTester, by: 'joining' | 'invitation'): void => {
    mails.push({ kind: 'invitation', app: tester.app, email: tester.email, by });
    tester.state = 'INVITED';
  };
  const join = (tester: FakeTester, app: FakeApp, groups: string[]): void => {
    tester.groups = [...new Set([...tester.groups, ...groups])];
    const uninvited = tester.state === 'NOT_INVITED' || tester.state === 'REVOKED';
    if (uninvited && app.invitesOnJoining && app.builds.length > 0) mail(tester, 'joining');
  };
  for (const tester of seeded) add(tester);

  /** The tester that a change of members names. The model ignores any further one. */
  const memberOf = (body: unknown) => testerOf((body as { data: { id: string }[] }).data[0]?.id ?? '');

  return { apps, testers, mails, refusedEmails, appOf, testerOf, memberOf, add, mail, join };
}

/** By method, type and relationship of a path such as `/v1/betaGroups/{id}/relationships/betaTesters`. */
const ROUTES: Record<string, (state: TestFlight, body: Body, id: string, query: FakeRequest['query']) => Reply> = {
  'GET apps': ({ apps }) => reply(200, { data: apps.slice(0, 1).map(({ id }) => ({ type: 'apps', id })) }),
  'GET betaTesters'({ testers }, _body, _id, query) {
    const [email = '', app] = [query['filter[email]'], query['filter[apps]']];
    const found = testers.filter((one) => one.email === email.toLowerCase() && one.app === app);
    return reply(200, { data: found.map(resource) });
  },
  'POST betaTesters'({ testers, refusedEmails, appOf, add, join }, { data: { attributes, relationships } }) {
    const groups = relationships.betaGroups.data.map(({ id }) => id);
    const [app, ...others] = new Set(groups.map(appOf));
    if (!app || others.length > 0) return invalid('/data/relationships/betaGroups');
    const email = attributes.email.toLowerCase();
    if (refusedEmails.includes(email) || testers.some((tester) => tester.app === app.id && tester.email === email))
      return unassignable(email);
    const tester = add({ ...attributes, app: app.id, email, groups: [], state: 'NOT_INVITED' });
    join(tester, app, groups);
    return reply(201, { data: resource(tester) });
  },
  'GET betaTesters betaGroups'({ testerOf }, _body, id) {
    const data = testerOf(id)?.groups.map((group) => ({ type: 'betaGroups', id: group }));
    return data ? reply(200, { data }) : NOT_FOUND;
  },
  'POST betaGroups betaTesters'({ appOf, memberOf, join }, body, group) {
    const [app, tester] = [appOf(group), memberOf(body)];
    if (!tester) return invalid('/data/0');
    if (!app) return NOT_FOUND;
    if (tester.app !== app.id) return unassignable(tester.email);
    join(tester, app, [group]);
    return reply(204);
  },
  'DELETE betaGroups betaTesters'({ appOf, memberOf }, body, group) {
    const tester = memberOf(body);
    if (!tester) return invalid('/data/0');
    if (!appOf(group)) return NOT_FOUND;
    tester.groups = tester.groups.filter((id) => id !== group);
    return reply(204);
  },
  'DELETE apps betaTesters'({ apps, testers, memberOf }, body, app) {
    const tester = memberOf(body);
    if (tester?.app !== app) return apps.some(({ id }) => id === app) ? invalid('/data/0') : NOT_FOUND;
    testers.splice(testers.indexOf(tester), 1);
    return reply(204);
  },
  'POST betaTesterInvitations'({ apps, mails, testerOf, mail }, { data: { relationships } }) {
    const tester = testerOf(relationships.betaTester.data.id);
    const app = apps.find(({ id }) => id === relationships.app.data.id);
    if (!app || tester?.app !== app.id) return invalid('/data/relationships/betaTester');
    if (tester.state === 'ACCEPTED' || tester.state === 'INSTALLED')
      return refused(409, 'STATE_ERROR.TESTER_INVITE.ALREADY_ACCEPTED');
    if (app.builds.length === 0) return refused(409, 'STATE_ERROR.TESTER_INVITE.NO_INSTALLABLE_BUILDS');
    mail(tester, 'invitation');
    return reply(201, { data: { type: 'betaTesterInvitations', id: `${mails.length}` } });
  },
  'POST buildBetaNotifications'({ apps, mails }, { data: { relationships } }) {
    const build = relationships.build.data.id;
    const app = apps.find(({ builds }) => builds.includes(build));
    if (!app) return invalid('/data/relationships/build');
    mails.push({ kind: 'build', app: app.id, build, by: 'notification' });
    return reply(201, { data: { type: 'buildBetaNotifications', id: build } });
  },
};

const resource = ({ id, email, firstName, lastName, state }: FakeTester) => ({
  type: 'betaTesters',
  id,
  attributes: { email, firstName, lastName, state, inviteType: 'EMAIL' },
});

/** Apple's form of an error. Like Apple's own, the detail may quote the request. */
function refused(status: number, code: string, pointer?: string, detail = ''): Reply {
  const source = pointer && { source: { pointer } };
  return reply(status, { errors: [{ id: 'error', status: String(status), code, title: code, detail, ...source }] });
}

interface FakeAppStoreConnectOptions extends AppStoreConnectSeed {
  port?: number;
  issuerId: string;
  keyId: string;
  limit?: number;
  now?: () => number;
}

const HOUR_MS = 3_600_000;
const LONGEST_TOKEN_S = 20 * 60;

export async function startFakeAppStoreConnect(options: FakeAppStoreConnectOptions) {
  const { port, limit = 3_500, now = Date.now } = options;
  const { testers, mails, handle } = appStoreConnectModel(options);
  let calls: number[] = [];
  const server = await startFake({
    port,
    state: () => ({ testers, mails }),
    handle(request) {
      if (!isToken(request.headers.authorization, options, now())) return refused(401, 'NOT_AUTHORIZED');
      calls = calls.filter((at) => at > now() - HOUR_MS);
      const over = calls.length >= limit;
      if (!over) calls.push(now());
      const answer = over ? refused(429, 'RATE_LIMIT_EXCEEDED') : handle(request);
      const left = `user-hour-lim:${limit};user-hour-rem:${limit - calls.length};`;
      return { ...answer, headers: { 'x-rate-limit': left } };
    },
  });
  return { ...server, testers, mails };
}

/** Whether a header has what Apple asks of a token. A test checks the signature. `now` is in ms since 1970. */
function isToken(authorization = '', { issuerId, keyId }: FakeAppStoreConnectOptions, now: number): boolean {
  const token = authorization.replace(/^Bearer /, '');
  try {
    const { iss, aud, iat = 0, exp = 0 } = decodeJwt(token);
    const isOurs = iss === issuerId && aud === 'appstoreconnect-v1' && decodeProtectedHeader(token).kid === keyId;
    return isOurs && exp - iat <= LONGEST_TOKEN_S && iat <= now / 1000 && now / 1000 < exp;
  } catch {
    return false;
  }
}

export const LOCAL_APP = {
  id: '1000000001',
  group: '00000000-0000-4000-8000-0000000000a1',
  build: '00000000-0000-4000-8000-0000000000b1',
};

export const LOCAL_APPS: AppStoreConnectSeed = {
  apps: [{ id: LOCAL_APP.id, groups: [LOCAL_APP.group], builds: [LOCAL_APP.build], invitesOnJoining: false }],
  testers: [
    { app: LOCAL_APP.id, email: 'invited@example.com', groups: [LOCAL_APP.group], state: 'INVITED' },
    { app: LOCAL_APP.id, email: 'accepted@example.com', groups: [LOCAL_APP.group], state: 'ACCEPTED' },
  ],
  refused: ['refused@example.com'],
};

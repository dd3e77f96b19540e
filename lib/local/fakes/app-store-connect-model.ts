import { BODIES, bodyOf, isRefusal, refused } from './app-store-connect-rules';
import { type Reply, reply } from './reply';

export type FakeTesterState = 'NOT_INVITED' | 'INVITED' | 'ACCEPTED' | 'INSTALLED' | 'REVOKED';

export interface FakeApp {
  id: string;
  /** Ids of the groups, and of the builds that testers can install. */
  groups: string[];
  builds: string[];
  /** Whether Apple e-mails a tester who joins a group, if the app has a build. */
  invitesOnJoining: boolean;
}

export interface FakeTester {
  id: string;
  app: string;
  email: string;
  firstName: string | undefined;
  lastName: string | undefined;
  groups: string[];
  state: FakeTesterState;
}

/** An e-mail from Apple: an invitation to one tester, or a build notification to all. */
export interface AppleMail {
  kind: 'invitation' | 'build';
  app: string;
  /** Set for an invitation. */
  email?: string;
  build?: string;
  /** What caused the e-mail. */
  by: 'joining' | 'invitation' | 'notification';
}

export interface AppStoreConnectSeed {
  apps: FakeApp[];
  testers?: Pick<FakeTester, 'app' | 'email' | 'groups' | 'state'>[];
  /** Addresses that Apple refuses as testers. */
  refused?: string[];
}

const OK = reply(204);
const invalid = (pointer: string) => refused(409, 'ENTITY_ERROR.RELATIONSHIP.INVALID', { pointer });
const unassignable = (detail: string) => refused(409, 'STATE_ERROR', { detail: `${detail} cannot be assigned` });
const missing = (id: string) => refused(404, 'NOT_FOUND', { detail: `there is no ${id}` });

/** A model of TestFlight's testers, groups and e-mails, without HTTP. */
export function appStoreConnectModel({ apps, testers: seeded = [], refused: refusedEmails = [] }: AppStoreConnectSeed) {
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
  const mail = (tester: FakeTester, by: AppleMail['by']): void => {
    mails.push({ kind: 'invitation', app: tester.app, email: tester.email, by });
    tester.state = 'INVITED';
  };
  const join = (tester: FakeTester, app: FakeApp, groups: string[]): void => {
    tester.groups = [...new Set([...tester.groups, ...groups])];
    const uninvited = tester.state === 'NOT_INVITED' || tester.state === 'REVOKED';
    if (uninvited && app.invitesOnJoining && app.builds.length > 0) mail(tester, 'joining');
  };
  for (const tester of seeded) add({ firstName: undefined, lastName: undefined, ...tester });

  const createTester = (text: string): Reply => {
    const body = bodyOf(BODIES.tester, text);
    if (isRefusal(body)) return body;
    const { attributes, relationships } = body.data;
    const groups = relationships.betaGroups.data.map(({ id }) => id);
    const [app, ...others] = new Set(groups.map(appOf));
    if (!app || others.length > 0) return invalid('/data/relationships/betaGroups');
    const email = attributes.email.toLowerCase();
    if (refusedEmails.includes(email) || testers.some((tester) => tester.app === app.id && tester.email === email))
      return unassignable(email);
    const { firstName, lastName } = attributes;
    const tester = add({
      ...{ app: app.id, email, groups: [], state: 'NOT_INVITED' },
      firstName: firstName ?? undefined,
      lastName: lastName ?? undefined,
    });
    join(tester, app, groups);
    return reply(201, { data: resource(tester) });
  };

  /** Changes one tester. The model ignores any further tester in the body. */
  const withTester = (text: string, change: (tester: FakeTester) => Reply): Reply => {
    const body = bodyOf(BODIES.testers, text);
    if (isRefusal(body)) return body;
    const tester = testerOf(body.data[0]?.id ?? '');
    return tester ? change(tester) : invalid('/data/0');
  };

  const invite = (text: string): Reply => {
    const body = bodyOf(BODIES.invitation, text);
    if (isRefusal(body)) return body;
    const { app, betaTester } = body.data.relationships;
    const tester = testerOf(betaTester.data.id);
    const found = apps.find(({ id }) => id === app.data.id);
    if (!found || tester?.app !== found.id) return invalid('/data/relationships/betaTester');
    if (tester.state === 'ACCEPTED' || tester.state === 'INSTALLED')
      return refused(409, 'STATE_ERROR.TESTER_INVITE.ALREADY_ACCEPTED');
    if (found.builds.length === 0) return refused(409, 'STATE_ERROR.TESTER_INVITE.NO_INSTALLABLE_BUILDS');
    mail(tester, 'invitation');
    return reply(201, { data: { type: 'betaTesterInvitations', id: `${mails.length}` } });
  };

  const notifyBuild = (text: string): Reply => {
    const body = bodyOf(BODIES.notification, text);
    if (isRefusal(body)) return body;
    const build = body.data.relationships.build.data.id;
    const app = apps.find(({ builds }) => builds.includes(build));
    if (!app) return invalid('/data/relationships/build');
    mails.push({ kind: 'build', app: app.id, build, by: 'notification' });
    return reply(201, { data: { type: 'buildBetaNotifications', id: build } });
  };

  return {
    testers,
    mails,
    createTester,
    invite,
    notifyBuild,
    findTesters: ({ email, app }: { email: string; app: string }): Reply =>
      reply(200, {
        data: testers.filter((one) => one.email === email.toLowerCase() && one.app === app).map(resource),
        links: { self: '/v1/betaTesters' },
      }),
    groupsOf: (id: string): Reply => {
      const tester = testerOf(id);
      if (!tester) return missing(id);
      const data = tester.groups.map((group) => ({ type: 'betaGroups', id: group }));
      return reply(200, { data, links: { self: '/v1/betaTesters' } });
    },
    addToGroup: (group: string, text: string): Reply => {
      const app = appOf(group);
      if (!app) return missing(group);
      return withTester(text, (tester) => {
        if (tester.app !== app.id) return unassignable(tester.email);
        join(tester, app, [group]);
        return OK;
      });
    },
    removeFromGroup: (group: string, text: string): Reply => {
      if (!appOf(group)) return missing(group);
      return withTester(text, (tester) => {
        tester.groups = tester.groups.filter((id) => id !== group);
        return OK;
      });
    },
    removeFromApp: (app: string, text: string): Reply => {
      if (!apps.some(({ id }) => id === app)) return missing(app);
      return withTester(text, (tester) => {
        if (tester.app !== app) return invalid('/data/0');
        testers.splice(testers.indexOf(tester), 1);
        return OK;
      });
    },
  };
}

export type AppStoreConnectModel = ReturnType<typeof appStoreConnectModel>;

const resource = ({ id, email, firstName, lastName, state }: FakeTester) => ({
  type: 'betaTesters',
  id,
  attributes: { email, firstName, lastName, state, inviteType: 'EMAIL' },
});

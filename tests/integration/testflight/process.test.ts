import { LONGEST_CALL_MS } from '../../../lib/engine/worker/contract';
import { WaitError } from '../../../lib/platform/errors';
import type { Failure } from '../../../packages/local/fakes/server';
import { jobId } from '../../support/engine';
import { createKills } from '../../support/kills';
import { command } from '../../support/operator';
import {
  APP,
  BUILD,
  EMPTY_APP,
  EMPTY_APPS_GROUP,
  GROUP,
  inviteBody,
  notifyBuildBody,
  OTHER_GROUP,
  removeBody,
  SETTLE_AFTER_MS,
  seed,
  startTestflight,
  TESTER,
  type TestflightOptions,
} from '../../support/testflight';

type Service = Awaited<ReturnType<typeof startTestflight>>;
const services: Service[] = [];
const start = async (options: TestflightOptions = {}): Promise<Service> => {
  const service = await startTestflight(options);
  services.push(service);
  return service;
};
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ close }) => close()));
});

const known = (state: 'NOT_INVITED' | 'INVITED' | 'ACCEPTED' | 'INSTALLED' | 'REVOKED', groups = [GROUP]) =>
  seed([{ app: APP, email: TESTER, groups, state }]);
const conflict = (code: string): Failure => ({
  status: 409,
  body: { errors: [{ status: '409', code, title: code, detail: `${TESTER} is not well` }] },
});
const at = (path: string, failure: Failure): Failure => ({ method: 'POST', path, ...failure });
const [TESTERS, INVITATIONS] = ['/v1/betaTesters', '/v1/betaTesterInvitations'];
/** The id that the fake gives its first tester. */
const FIRST_TESTER = '00000000-0000-4000-8000-000000000001';
/** Apple's filter finds this tester. */
const found = (email: string, state: string, id = FIRST_TESTER): Failure => ({
  ...{ method: 'GET', path: 'betaTesters?', status: 200 },
  body: { data: [{ id, attributes: { email, state } }] },
});
/** Apple does what it was asked to, and its answer is this or none. */
const after = (failure: Failure): Failure => ({ ...failure, after: 'answer' });
const LOST: Failure = { after: 'reset' };
const VANISHED: Failure = { before: 'reset' };
const toOther = inviteBody({ groups: [OTHER_GROUP] });
const toBoth = inviteBody({ groups: [GROUP, OTHER_GROUP] });
const notification = { appName: 'Sample', message: 'Look at the export.', url: 'https://example.com/beta' };

interface Case extends Pick<TestflightOptions, 'seed' | 'apps'> {
  body: string;
  /** Failures of calls to Apple, and of the mail. */
  fails?: Failure[];
  mailFails?: Failure;
  /** What the row must hold, and what Apple must hold and have sent. */
  row: object;
  testers?: object[];
  mails?: object[];
  /** The number of calls to Apple that change something, and of all calls. */
  changes?: number;
  calls?: number;
}
const done = (result: object, rest: object = {}) => ({ state: 'succeeded', attempts: 1, result, ...rest });
const parked = (error: object) => ({ state: 'dead', attempts: 1, error });
const CONFLICT = { code: 'AppStoreConnectConflict', status: 409, vendor: 'app-store-connect' };
const [ONE_APP, ONE_GROUP] = [[{ app: APP }], [{ app: APP, group: GROUP }]];
const toEmptyApp = inviteBody({ app: EMPTY_APP, groups: [EMPTY_APPS_GROUP] });
const INVITATION = { kind: 'invitation', app: APP, email: TESTER, by: 'invitation' };
const unchanged = (state: Parameters<typeof known>[0], invitation: string): Case => ({
  ...{ body: inviteBody(), seed: known(state), row: done({ invitation }), mails: [], changes: 0 },
});
const unanswered = (failure: Failure): Case => ({
  ...{ body: toOther, seed: known('ACCEPTED'), fails: [at(OTHER_GROUP, failure)], row: { state: 'succeeded' } },
  testers: [{ groups: [GROUP, OTHER_GROUP] }],
});
const mailed = (failure: Failure, outcome: string): Case => ({
  ...{ body: inviteBody({ notification }), mails: [INVITATION], mailFails: { ...failure, times: 'forever' } },
  row: { state: 'succeeded', result: { notification: outcome }, without: [{ what: 'notification' }] },
});
const mailWaits = (failure: Failure): Case => ({
  ...mailed(failure, ''),
  row: { state: 'held', reason: 'stopped', vendor: 'sendgrid', steps: { invitation: { status: 'done' } } },
});
const otherApp = (body: string): Case => ({
  ...{ apps: ONE_APP, body, calls: 0, row: parked({ code: 'AppNotAllowed', field: 'data.app' }) },
});
const otherGroup = (body: string): Case => ({
  ...{ apps: ONE_GROUP, body, calls: 0, row: parked({ code: 'GroupNotAllowed', field: 'data.groups' }) },
});

const CASES: Record<string, Case> = {
  'an invitation creates a tester in the groups and makes Apple invite them': {
    body: toBoth,
    row: done({ invitation: 'sent' }, { steps: { tester: { status: 'done', result: { created: true } } } }),
    testers: [
      { app: APP, email: TESTER, firstName: 'A', lastName: 'Tester', groups: [GROUP, OTHER_GROUP], state: 'INVITED' },
    ],
    mails: [INVITATION],
    // docs/jobs.md has this number: Apple limits the calls of an hour.
    calls: 5,
  },
  'an invitation is not sent again if Apple mails a tester who joins a group': {
    ...{ body: inviteBody(), seed: seed([], { invitesOnJoining: true }), row: done({ invitation: 'by-apple' }) },
    mails: [{ kind: 'invitation', app: APP, email: TESTER, by: 'joining' }],
  },
  'an invitation to an invited tester changes nothing': unchanged('INVITED', 'already-invited'),
  'an invitation to a tester who has accepted changes nothing': unchanged('ACCEPTED', 'already-accepted'),
  'an invitation to a tester whom Apple revoked changes nothing': unchanged('REVOKED', 'skipped: Revoked'),
  'an invitation adds a tester only to the groups that are missing': {
    ...{ body: toBoth, seed: known('ACCEPTED'), changes: 1 },
    row: { state: 'succeeded', steps: { membership: { status: 'done', result: { changed: 1 } } } },
    testers: [{ groups: [GROUP, OTHER_GROUP], state: 'ACCEPTED' }],
  },
  'an invitation is not sent to a tester in an unknown state': {
    ...{ body: inviteBody(), seed: known('NOT_INVITED'), row: done({ invitation: 'skipped: UnknownState' }) },
    ...{ fails: [{ ...found(TESTER, 'SOMETHING_NEW'), times: 'forever' }], changes: 0 },
  },
  // The adapter ignores the longer address, so the job creates the tester, gets a conflict and reads the state again.
  "an invitation goes to the exact address even if Apple's filter also finds a longer one": {
    ...{ body: inviteBody(), seed: known('ACCEPTED'), fails: [found(`${TESTER}.org`, 'ACCEPTED', 'other')] },
    row: done({ testerId: FIRST_TESTER }),
  },
  'an invitation is sent again to an invited tester if the job asks for it': {
    ...{ body: inviteBody({ resend: true }), seed: known('INVITED'), row: done({ invitation: 'sent' }) },
    mails: [INVITATION],
  },
  'an invitation with resend is not sent again to a tester whom it made and Apple mails': {
    ...{ body: inviteBody({ resend: true }), seed: seed([], { invitesOnJoining: true }) },
    ...{ row: done({ invitation: 'by-apple' }), mails: [{ ...INVITATION, by: 'joining' }] },
  },
  'a 409 with STATE_ERROR for a second invitation parks the job, because the state was the same before': {
    ...{ body: inviteBody({ resend: true }), seed: known('INVITED'), row: parked(CONFLICT) },
    fails: [at(INVITATIONS, conflict('STATE_ERROR'))],
  },
  'a 409 with ALREADY_ACCEPTED is success': {
    ...{ body: inviteBody({ resend: true }), seed: known('ACCEPTED'), row: done({ invitation: 'already-accepted' }) },
    changes: 1,
  },
  'a 409 with NO_INSTALLABLE_BUILDS is success with its own outcome': {
    body: inviteBody({ app: EMPTY_APP, groups: [EMPTY_APPS_GROUP], notification: { appName: 'Sample' } }),
    row: done({ invitation: 'pending-build', notification: 'skipped: NotInvited' }),
    testers: [{ app: EMPTY_APP, state: 'NOT_INVITED' }],
  },
  'a 409 is success if the tester is a member by then': {
    ...{ body: toOther, seed: known('ACCEPTED') },
    fails: [at(OTHER_GROUP, after(conflict('ENTITY_ERROR.RELATIONSHIP.INVALID')))],
    ...{ row: done({}), testers: [{ groups: [GROUP, OTHER_GROUP] }] },
  },
  'a 409 parks the job if the tester is not a member': {
    ...{ body: toOther, seed: known('ACCEPTED') },
    ...{ fails: [at(OTHER_GROUP, conflict('ENTITY_ERROR.RELATIONSHIP.INVALID'))], row: parked(CONFLICT) },
  },
  'a 409 with STATE_ERROR is success if the tester exists by now': {
    ...{ body: inviteBody(), fails: [at(TESTERS, after(conflict('STATE_ERROR')))] },
    ...{ row: done({ invitation: 'sent' }), testers: [{ email: TESTER }] },
  },
  'a 409 with STATE_ERROR parks the job if Apple refuses the address': {
    ...{ body: inviteBody(), seed: { ...seed(), refused: [TESTER] }, row: parked(CONFLICT), testers: [] },
  },
  'a 409 with STATE_ERROR for an invitation is success if the tester is invited by then': {
    ...{ body: inviteBody(), fails: [at(INVITATIONS, after(conflict('STATE_ERROR')))] },
    row: done({ invitation: 'already-invited' }),
  },
  'a 409 with STATE_ERROR for an invitation parks the job if the tester is not invited': {
    ...{ body: inviteBody(), fails: [at(INVITATIONS, conflict('STATE_ERROR'))], row: parked(CONFLICT) },
  },
  'a membership whose answer is lost is checked by reading the groups': unanswered(LOST),
  'a membership whose call is lost is checked by reading the groups': unanswered(VANISHED),
  'a tester is removed from the app': {
    ...{ body: removeBody(), seed: known('ACCEPTED'), row: done({ removed: true }), testers: [] },
  },
  'a tester is removed from a group': {
    ...{ body: removeBody({ from: 'groups', groups: [OTHER_GROUP] }), row: { state: 'succeeded' } },
    ...{ seed: known('ACCEPTED', [GROUP, OTHER_GROUP]), testers: [{ groups: [GROUP] }] },
  },
  'a tester who does not exist counts as removed': {
    body: removeBody(),
    row: done({ removed: false }, { steps: { membership: { status: 'skipped', reason: 'NoTester' } } }),
    changes: 0,
  },
  'a removal that ends with a 409 is looked up': {
    ...{ body: removeBody(), seed: known('ACCEPTED') },
    ...{ fails: [{ method: 'DELETE', ...after(conflict('STATE_ERROR')) }], row: { state: 'succeeded' }, changes: 1 },
  },
  'the testers of a build are notified': {
    ...{ body: notifyBuildBody(), row: done({ notification: 'sent' }) },
    mails: [{ kind: 'build', app: APP, build: BUILD, by: 'notification' }],
  },
  'a branded notification that has no answer is unknown, and the invitation is sent': mailed(LOST, 'unknown'),
  'a branded notification that is refused is skipped': mailed({ status: 400 }, 'skipped: SendgridRejected'),
  'a branded notification waits if the key is refused': mailWaits({ status: 401 }),
  'a branded notification waits in an outage': mailWaits({ status: 503 }),
  'a branded notification is given up if it would have to wait for too long': mailed(
    { status: 429, headers: { 'x-ratelimit-reset': '99999999999' } },
    'skipped: NoRateSlot',
  ),
  'an invitation to another app is parked before Apple is called': otherApp(toEmptyApp),
  'a removal from another app is parked before Apple is called': otherApp(removeBody({ app: EMPTY_APP })),
  'a notification about another app is parked before Apple is called': otherApp(notifyBuildBody({ app: EMPTY_APP })),
  'an invitation to another group is parked before Apple is called': otherGroup(toBoth),
  'a removal from the whole app is parked if only a group is listed': otherGroup(removeBody()),
  'an invitation to a listed group is done': { apps: ONE_GROUP, body: inviteBody(), row: done({}) },
  'an invitation to any group of a listed app is done': { apps: ONE_APP, body: toBoth, row: done({}) },
  'a branded notification is not sent to a tester who was not invited': {
    ...{ body: inviteBody({ notification }), seed: known('ACCEPTED') },
    row: { steps: { notification: { status: 'skipped', reason: 'NotInvited' } } },
  },
};

test.each(Object.entries(CASES))('%s', async (_title, { body, fails = [], mailFails, seed, apps, ...expected }) => {
  const { engine, apple, sendgrid } = await start({ ...(seed && { seed }), ...(apps && { apps }) });
  for (const failure of fails) apple.fail(failure);
  if (mailFails) sendgrid.fail(mailFails);
  engine.send(body);

  await engine.drain({ batch: 1 });

  const row = engine.row(jobId(1));
  expect(row).toMatchObject(expected.row);
  expect(Object.values(engine.records())).toMatchObject(row.state === 'held' ? [] : [{ state: row.state }]);
  expect(engine.deadLetters()).toHaveLength(row.state === 'dead' ? 1 : 0);
  if (expected.testers) expect(apple.testers).toMatchObject(expected.testers);
  if (expected.mails) expect(apple.mails).toEqual(expected.mails);
  const changes = apple.requests.filter(({ method }) => method !== 'GET');
  if (expected.changes !== undefined) expect(changes).toHaveLength(expected.changes);
  if (expected.calls !== undefined) expect(apple.requests).toHaveLength(expected.calls);
  expect(sendgrid.mails.length).toBeLessThan(2);
});

test('a second invitation without an answer is unknown, because the state was the same before', async () => {
  const { engine, apple } = await start({ seed: known('INVITED') });
  apple.fail(at(INVITATIONS, LOST));

  await engine.sendAndDeliver(inviteBody({ resend: true }));

  expect(engine.row(jobId(1))).toMatchObject({ state: 'held', reason: 'unknown' });
});

test('the branded notification is sent after the invitation, with the built-in text or a template', async () => {
  const templateId = `d-${'0'.repeat(32)}`;
  const [plain, templated] = [await start(), await start({ templateId })];
  for (const { engine } of [plain, templated]) {
    await engine.sendAndDeliver(inviteBody({ notification }));
  }

  expect(plain.sendgrid.mails).toMatchObject([{ to: [TESTER], subject: 'You are invited to test Sample' }]);
  expect(plain.sendgrid.mails[0]?.text).toContain('Look at the export.\n\nhttps://example.com/beta');
  expect(templated.sendgrid.mails).toMatchObject([{ templateId, templateData: { name: 'A Tester', ...notification } }]);
  expect(plain.engine.row(jobId(1))).toMatchObject({ result: { invitation: 'sent', notification: 'sent' } });
});

test('jobs run with pauses when few calls are left, and wait for new calls when none are left', async () => {
  const { engine, apple } = await start({ limit: 40 });
  for (let n = 1; n <= 15; n++) engine.send(inviteBody({ email: `t${n}@example.com` }, { id: jobId(n) }));
  const begun = engine.clock.now();

  await engine.drain({ batch: 1 });

  expect(new Set(engine.rows().map(({ state }) => state))).toEqual(new Set(['succeeded']));
  expect(apple.mails).toHaveLength(15);
  expect(engine.clock.now() - begun).toBeGreaterThan(3_600_000);
  // The worker mostly waits on its own. Apple's hour is rolling, so a 429 comes now and then.
  const waits = engine.rows().flatMap(({ history }) => history.flatMap(({ error }) => error ?? []));
  const [byVendor, own] = [429, undefined].map((status) => waits.filter((wait) => wait.status === status).length);
  expect(own).toBeGreaterThan(byVendor ?? 0);
  expect(engine.rows().every(({ attempts }) => attempts === 1)).toBe(true);
});

test('after a crash among several memberships the next run waits for the time of all of them', async () => {
  const kills = createKills();
  const { engine } = await start({
    seed: seed([{ app: APP, email: TESTER, groups: [], state: 'INVITED' }]),
    ...{ timeoutMs: 5_000, settings: { visibility: 8 } },
    before: (call) => (call === 'apple.addToGroup' ? kills.die() : undefined),
  });
  engine.send(inviteBody({ groups: [GROUP, OTHER_GROUP] }), { group: APP });
  await kills.run(() => engine.deliver(1));
  engine.clock.advance(10_000);

  await engine.deliver(1);

  const { state, steps, deliveries, retryAt = 0 } = engine.row(jobId(1));
  expect([state, steps.membership?.status]).toEqual(['held', 'started']);
  expect(retryAt - (deliveries.at(-1)?.at ?? 0)).toBe(2 * LONGEST_CALL_MS + SETTLE_AFTER_MS);
});

test('who leaves while Apple makes the invitation wait is not invited', async () => {
  let looks = 0;
  const { engine, apple } = await start({
    seed: known('NOT_INVITED', []),
    before: (call) => {
      if (call !== 'apple.findTester' || ++looks !== 2) return;
      throw new WaitError({ code: 'Throttled', message: '429', waitMs: 60_000, vendor: 'app-store-connect' });
    },
  });
  await engine.sendAndDeliver(inviteBody(), { group: APP });
  const held = engine.row(jobId(1));
  await engine.sendAndDeliver(removeBody({}, { id: jobId(2) }), { group: APP });

  await engine.drain({ batch: 1 });

  expect(held).toMatchObject({ state: 'held', reason: 'throttled', steps: { membership: { status: 'done' } } });
  expect(engine.row(jobId(2))).toMatchObject({ state: 'succeeded' });
  expect(engine.row(jobId(1))).toMatchObject({ state: 'cancelled', reason: 'superseded', cancelledBy: jobId(2) });
  expect(apple.mails).toEqual([]);
});

/** Runs `sls testflight invite`. Returns what it prints about each tester, without the ids. */
async function invite({ engine }: Service, email: string, options: Record<string, string> = {}) {
  const { lines } = await command(engine, 'testflight invite', { app: APP, group: GROUP, email, ...options });
  return lines.map((line) => line.split(': ')[1]);
}

test('sls testflight invite queues a job for each tester', async () => {
  const service = await start();

  expect(await invite(service, 'a@example.com,b@example.com')).toEqual(['queued', 'queued']);

  const job = { group: APP, type: 'testflight.invite.v1', state: 'queued', source: '/sls/testflight-invite' };
  expect(service.engine.rows()).toMatchObject([job, job]);
  await service.engine.drain({ batch: 1 });
  const testers = ['a@example.com', 'b@example.com'].map((email) => ({ email, groups: [GROUP] }));
  expect(service.apple.testers).toMatchObject(testers);
});

test('sls testflight invite queues a repeated address once, also in other letters, and again only for other groups', async () => {
  const service = await start();
  const before = 'was queued before';

  expect(await invite(service, 'a@example.com,A@Example.com')).toEqual(['queued', before]);
  expect(await invite(service, 'a@example.com', { group: `${OTHER_GROUP},${GROUP}` })).toEqual(['queued']);
  expect(await invite(service, 'a@example.com', { group: `${GROUP},${OTHER_GROUP}` })).toEqual([before]);
});

test('sls testflight invite refuses a wrong address, app or group by field and rule, without its value', async () => {
  const service = await start();

  await expect(invite(service, 'a@example.com,planted')).rejects.toThrow('Tester 2: email: must be a valid email.');
  await expect(invite(service, 'a@example.com', { app: 'My App', group: 'Testers' })).rejects.toThrow(
    "app: must be Apple's id of an app, digits; groups.0: must be Apple's id of a group, a UUID",
  );
});

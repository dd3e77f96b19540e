import type { Failure } from '../../../lib/local/fakes/failures';
import { jobId } from '../../support/engine';
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
/** Starts a service whose calls to Apple fail like this, and runs one job. */
async function ran(body: string, { fails = [], ...options }: TestflightOptions & { fails?: Failure[] } = {}) {
  const service = await start(options);
  for (const failure of fails) service.apple.fail(failure);
  service.engine.send(body);
  await service.engine.deliver(1);
  return service;
}
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ close }) => close()));
});

const tester = (state: 'NOT_INVITED' | 'INVITED' | 'ACCEPTED' | 'INSTALLED' | 'REVOKED', groups = [GROUP]) => ({
  app: APP,
  email: TESTER,
  groups,
  state,
});

const calls = ({ apple }: Service): string[] => apple.requests.map(({ method, path }) => `${method} ${path}`);
const invitationCall = { method: 'POST', path: '/v1/betaTesterInvitations' };
const conflict = (code: string, changes: object = {}) => ({
  status: 409,
  body: { errors: [{ status: '409', code, title: code, detail: `${TESTER} is not well`, ...changes }] },
});

describe('an invitation', () => {
  test('creates a tester in the groups and makes Apple invite them', async () => {
    const service = await start();
    const { engine, apple } = service;
    engine.send(inviteBody({ groups: [GROUP, OTHER_GROUP] }));

    await engine.deliver(1);

    expect(apple.testers).toMatchObject([
      { app: APP, email: TESTER, firstName: 'A', lastName: 'Tester', groups: [GROUP, OTHER_GROUP], state: 'INVITED' },
    ]);
    expect(apple.mails).toEqual([{ kind: 'invitation', app: APP, email: TESTER, by: 'invitation' }]);
    const testerId = apple.testers[0]?.id;
    const steps = {
      tester: { status: 'done', result: { id: testerId, created: true } },
      membership: { status: 'done' },
      invitation: { status: 'done', result: 'sent' },
    };
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { testerId, invitation: 'sent' }, steps });
    expect(Object.values(engine.records())).toMatchObject([{ state: 'succeeded', steps }]);
  });

  test('is not sent again if Apple mails a tester who joins a group', async () => {
    const { engine, apple } = await ran(inviteBody(), { seed: seed([], { invitesOnJoining: true }) });

    expect(apple.mails).toEqual([{ kind: 'invitation', app: APP, email: TESTER, by: 'joining' }]);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { invitation: 'by-apple' } });
  });

  test.each([
    ['INVITED', 'already-invited'],
    ['ACCEPTED', 'already-accepted'],
    ['INSTALLED', 'already-accepted'],
    ['REVOKED', 'skipped: Revoked'],
  ] as const)('to a tester who is %s needs no call that changes anything: %s', async (state, invitation) => {
    const service = await start({ seed: seed([tester(state)]) });
    service.engine.send(inviteBody());

    await service.engine.deliver(1);

    expect(calls(service).filter((call) => !call.startsWith('GET'))).toEqual([]);
    expect(service.apple.mails).toEqual([]);
    expect(service.engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { invitation } });
  });

  test('is not sent to a tester in an unknown state', async () => {
    const service = await start({ seed: seed([tester('NOT_INVITED')]) });
    const { engine, apple } = service;
    const found = { id: apple.testers[0]?.id, attributes: { email: TESTER, state: 'SOMETHING_NEW' } };
    apple.fail({ path: '/v1/betaTesters?', status: 200, body: { data: [found] }, times: 'forever' });
    engine.send(inviteBody());

    await engine.deliver(1);

    expect(calls(service).filter((call) => !call.startsWith('GET'))).toEqual([]);
    expect(engine.row(jobId(1))).toMatchObject({
      state: 'succeeded',
      result: { invitation: 'skipped: UnknownState' },
      steps: { invitation: { status: 'skipped', reason: 'UnknownState' } },
    });
  });

  test('adds a tester only to the groups that are missing', async () => {
    const service = await start({ seed: seed([tester('ACCEPTED')]) });
    const { engine, apple } = service;
    engine.send(inviteBody({ groups: [GROUP, OTHER_GROUP] }));

    await engine.deliver(1);

    expect(apple.testers).toMatchObject([{ groups: [GROUP, OTHER_GROUP], state: 'ACCEPTED' }]);
    expect(calls(service).filter((call) => call.startsWith('POST'))).toHaveLength(1);
    expect(engine.row(jobId(1)).steps.membership).toMatchObject({ status: 'done', result: { changed: 1 } });
  });

  test('is sent again to an invited tester if the job asks for it', async () => {
    const { engine, apple } = await ran(inviteBody({ resend: true }), { seed: seed([tester('INVITED')]) });

    expect(apple.mails).toHaveLength(1);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { invitation: 'sent' } });
  });

  test("goes to the exact address even if Apple's filter also finds a longer one", async () => {
    const { engine, apple } = await start({ seed: seed([tester('ACCEPTED')]) });
    const others = [{ type: 'betaTesters', id: 'other', attributes: { email: `${TESTER}.org`, state: 'ACCEPTED' } }];
    apple.fail({ method: 'GET', path: 'betaTesters?', status: 200, body: { data: others } });
    engine.send(inviteBody());

    await engine.deliver(1);

    // The adapter ignores the longer address, so the job creates the tester, gets a conflict and reads the state again.
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { testerId: apple.testers[0]?.id } });
  });
});

describe('a 409 from Apple', () => {
  test('ALREADY_ACCEPTED is success', async () => {
    const { engine, apple } = await ran(inviteBody({ resend: true }), { seed: seed([tester('ACCEPTED')]) });

    expect(apple.requests.at(-1)?.path).toBe('/v1/betaTesterInvitations');
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { invitation: 'already-accepted' } });
  });

  test('NO_INSTALLABLE_BUILDS is success with its own outcome', async () => {
    const { engine, apple } = await ran(
      inviteBody({ app: EMPTY_APP, groups: [EMPTY_APPS_GROUP], notification: { appName: 'Sample' } }),
    );

    expect(apple.testers).toMatchObject([{ app: EMPTY_APP, state: 'NOT_INVITED' }]);
    expect(engine.row(jobId(1))).toMatchObject({
      state: 'succeeded',
      result: { invitation: 'pending-build', notification: 'skipped: NotInvited' },
    });
  });

  test.each(['STATE_ERROR', 'STATE_ERROR.SOMETHING_NEW', 'ENTITY_ERROR.RELATIONSHIP.INVALID'])(
    '%s is success if the tester is already a member',
    async (code) => {
      const { engine, apple } = await ran(inviteBody({ groups: [OTHER_GROUP] }), {
        seed: seed([tester('ACCEPTED')]),
        fails: [{ method: 'POST', path: OTHER_GROUP, after: 'answer', ...conflict(code) }],
      });

      expect(apple.testers[0]?.groups).toEqual([GROUP, OTHER_GROUP]);
      expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1 });
    },
  );

  test.each(['STATE_ERROR', 'ENTITY_ERROR.RELATIONSHIP.INVALID'])(
    '%s parks the job at once if the tester is not a member',
    async (code) => {
      const { engine } = await ran(inviteBody({ groups: [OTHER_GROUP] }), {
        seed: seed([tester('ACCEPTED')]),
        fails: [{ method: 'POST', path: OTHER_GROUP, ...conflict(code) }],
      });

      expect(engine.row(jobId(1))).toMatchObject({
        state: 'dead',
        attempts: 1,
        error: { code: 'AppStoreConnectConflict', status: 409, vendor: 'app-store-connect' },
      });
    },
  );

  test('STATE_ERROR is success if the tester exists by now', async () => {
    const { engine, apple } = await ran(inviteBody(), {
      fails: [{ method: 'POST', path: '/v1/betaTesters', after: 'answer', ...conflict('STATE_ERROR') }],
    });

    expect(apple.testers).toHaveLength(1);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { invitation: 'sent' } });
  });

  test('STATE_ERROR parks the job if Apple refuses the address as a tester', async () => {
    const { engine, apple } = await ran(inviteBody(), { seed: { ...seed(), refused: [TESTER] } });

    expect(apple.testers).toEqual([]);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'AppStoreConnectConflict' } });
  });

  test('STATE_ERROR for an invitation is success only if the tester is invited by then', async () => {
    const { engine, apple } = await start();
    apple.fail({ ...invitationCall, after: 'answer', ...conflict('STATE_ERROR') });
    apple.fail({ ...invitationCall, ...conflict('STATE_ERROR') });
    engine.send(inviteBody());
    engine.send(inviteBody({ email: 'second@example.com' }, { id: jobId(2) }));

    await engine.deliver(1);
    await engine.deliver(1);

    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { invitation: 'already-invited' } });
    expect(engine.row(jobId(2))).toMatchObject({ state: 'dead', error: { code: 'AppStoreConnectConflict' } });
  });

  test.each([
    ['409', conflict('ENTITY_ERROR.ATTRIBUTE.INVALID', { source: { pointer: '/data/attributes/email' } })],
    ['422', { ...conflict('ENTITY_UNPROCESSABLE', { source: { pointer: '/data/attributes/email' } }), status: 422 }],
  ])('about an attribute (%s) parks the job and names the field', async (_status, failure) => {
    const { engine } = await ran(inviteBody(), {
      fails: [{ method: 'POST', path: '/v1/betaTesters', ...failure }],
    });

    expect(engine.row(jobId(1))).toMatchObject({
      state: 'dead',
      attempts: 1,
      error: { code: 'AppStoreConnectRejected', field: 'data.attributes.email' },
    });
    expect(engine.deadLetters()).toHaveLength(1);
  });
});

describe('a call with an unknown outcome', () => {
  const lost = { after: 'reset' as const };
  const vanished = { before: 'reset' as const };

  test.each([
    ['tester created', { method: 'POST', path: '/v1/betaTesters', ...lost }],
    ['tester not created', { method: 'POST', path: '/v1/betaTesters', ...vanished }],
    ['invitation sent', { ...invitationCall, ...lost }],
    ['invitation not sent', { ...invitationCall, ...vanished }],
  ])('(%s) is checked half a minute later, and one invitation is sent', async (_which, failure) => {
    const { engine, apple } = await start();
    apple.fail(failure);
    engine.send(inviteBody());

    await engine.deliver(1);
    const early = apple.requests.length;
    engine.clock.advance(29_000);
    const tooEarly = await engine.deliver(1);
    expect(apple.requests).toHaveLength(early);
    await engine.drain({ batch: 1 });

    expect(tooEarly.batchItemFailures).toEqual([]);
    expect(apple.testers).toHaveLength(1);
    expect(apple.mails).toHaveLength(1);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { invitation: 'sent' }, attempts: 1 });
  });

  test.each([
    ['changed', lost],
    ['not changed', vanished],
  ])('(membership %s) is checked by reading the groups', async (_which, failure) => {
    const { engine, apple } = await start({ seed: seed([tester('ACCEPTED')]) });
    apple.fail({ method: 'POST', path: OTHER_GROUP, ...failure });
    engine.send(inviteBody({ groups: [OTHER_GROUP] }));

    await engine.drain({ batch: 1 });

    expect(apple.testers[0]?.groups).toEqual([GROUP, OTHER_GROUP]);
    expect(engine.row(jobId(1)).state).toBe('succeeded');
  });
});

describe('a tester', () => {
  test('is removed from the app', async () => {
    const { engine, apple } = await ran(removeBody(), { seed: seed([tester('ACCEPTED')]) });

    expect(apple.testers).toEqual([]);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { removed: true } });
  });

  test('is removed from a group', async () => {
    const { engine, apple } = await ran(removeBody({ from: 'groups', groups: [OTHER_GROUP] }), {
      seed: seed([tester('ACCEPTED', [GROUP, OTHER_GROUP])]),
    });

    expect(apple.testers[0]?.groups).toEqual([GROUP]);
    expect(engine.row(jobId(1)).state).toBe('succeeded');
  });

  test('who does not exist counts as removed', async () => {
    const service = await start();
    service.engine.send(removeBody());

    await service.engine.deliver(1);

    expect(calls(service)).toHaveLength(1);
    expect(service.engine.row(jobId(1))).toMatchObject({
      state: 'succeeded',
      result: { removed: false },
      steps: { membership: { status: 'skipped', reason: 'NoTester' } },
    });
  });

  test.each(['reset', 'answer'] as const)(
    'is looked up after a removal with an unknown outcome (%s)',
    async (after) => {
      const { engine, apple } = await start({ seed: seed([tester('ACCEPTED')]) });
      apple.fail({ method: 'DELETE', after, ...(after === 'answer' ? conflict('STATE_ERROR') : {}) });
      engine.send(removeBody());

      await engine.drain({ batch: 1 });

      expect(apple.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
      expect(engine.row(jobId(1)).state).toBe('succeeded');
    },
  );
});

test('the testers of a build are notified', async () => {
  const { engine, apple } = await ran(notifyBuildBody());

  expect(apple.mails).toEqual([{ kind: 'build', app: APP, build: BUILD, by: 'notification' }]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { notification: 'sent' } });
});

describe('the branded notification', () => {
  const notification = { appName: 'Sample', message: 'Look at the export.', url: 'https://example.com/beta' };

  test('is sent after the invitation, with the built-in text or a template', async () => {
    const templateId = `d-${'0'.repeat(32)}`;
    const [plain, templated] = [await start(), await start({ templateId })];
    for (const { engine } of [plain, templated]) {
      engine.send(inviteBody({ notification }));
      await engine.deliver(1);
    }

    expect(plain.sendgrid.mails).toMatchObject([{ to: [TESTER], subject: 'You are invited to test Sample' }]);
    expect(plain.sendgrid.mails[0]?.text).toContain('Look at the export.\n\nhttps://example.com/beta');
    expect(templated.sendgrid.mails).toMatchObject([
      { templateId, templateData: { name: 'A Tester', ...notification } },
    ]);
    expect(plain.engine.row(jobId(1))).toMatchObject({ result: { invitation: 'sent', notification: 'sent' } });
  });

  test.each([
    [{ after: 'reset' as const }, 'unknown'],
    [{ status: 401, times: 'forever' as const }, 'skipped: SendgridUnauthorized'],
    [{ status: 503, times: 'forever' as const }, 'skipped: SendgridUnavailable'],
  ])('does not affect the invitation when it fails: %j', async (failure, outcome) => {
    const { engine, apple, sendgrid } = await start();
    sendgrid.fail(failure);
    engine.send(inviteBody({ notification }));

    await engine.drain({ batch: 1 });

    expect(apple.mails).toHaveLength(1);
    expect(sendgrid.mails.length).toBeLessThan(2);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { notification: outcome } });
  });

  test('is not sent to a tester who was not invited', async () => {
    const { engine, sendgrid } = await ran(inviteBody({ notification }), { seed: seed([tester('ACCEPTED')]) });

    expect(sendgrid.mails).toEqual([]);
    expect(engine.row(jobId(1))).toMatchObject({
      steps: { notification: { status: 'skipped', reason: 'NotInvited' } },
    });
  });
});

test('rows, records, logs, metrics and DLQ attributes contain no address and no name', async () => {
  const { engine, apple } = await start({ seed: { ...seed(), refused: ['second@example.com'] } });
  apple.fail({ ...invitationCall, after: 'answer', ...conflict('STATE_ERROR') });
  engine.send(inviteBody({ notification: { appName: 'Sample', message: 'planted words' } }));
  engine.send(inviteBody({ email: 'second@example.com', firstName: 'Planted' }, { id: jobId(2) }));

  await engine.drain({ batch: 1 });

  const letters = engine.deadLetters().map(({ attributes }) => attributes);
  const told = JSON.stringify([engine.table.items(), engine.records(), engine.lines, engine.metrics, letters]);
  expect(letters).toHaveLength(1);
  for (const secret of ['example.com', 'Tester', 'Planted', 'planted']) expect(told).not.toContain(secret);
});

import { jobId } from '../../support/engine';
import {
  APP,
  EMPTY_APP,
  EMPTY_APPS_GROUP,
  GROUP,
  inviteBody,
  removeBody,
  seed,
  startTestflight,
  TESTER,
} from '../../support/testflight';

type Service = Awaited<ReturnType<typeof startTestflight>>;
let service: Service;
afterEach(() => service.close());

const changes = ({ apple }: Service): string[] =>
  apple.requests.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);
const send = (body: string) => service.engine.send(body, { group: APP });
const states = () => [1, 2].map((n) => service.engine.row(jobId(n)).state);

const agreement = {
  status: 403,
  body: { errors: [{ status: '403', code: 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED', title: 'x' }] },
};

test.each([
  ['a missing agreement', agreement, 'AgreementMissing'],
  ['a revoked key', { status: 401 }, 'AppStoreConnectUnauthorized'],
])('%s holds jobs in order, and they continue on their own after it is fixed', async (_what, failure, code) => {
  service = await startTestflight();
  const { engine, apple } = service;
  apple.fail({ ...failure, times: 'forever' });
  send(inviteBody());
  send(removeBody({}, { id: jobId(2) }));

  for (let minute = 0; minute < 30; minute++) {
    await engine.reconcile();
    await engine.deliver(1);
    await engine.deliver(1);
    engine.clock.advance(60_000);
  }
  const held = states();
  const circuit = engine.table.items().find(({ key }) => key === 'vendor#app-store-connect');
  await apple.recover();
  await engine.drain({ batch: 1 });

  expect(held).toEqual(['held', 'held']);
  expect(circuit).toMatchObject({ code, stoppedAt: expect.any(Number) });
  expect(states()).toEqual(['succeeded', 'succeeded']);
  expect(engine.row(jobId(1)).attempts).toBe(1);
  expect(changes(service).at(-1)).toBe(`DELETE /v1/apps/${APP}/relationships/betaTesters`);
  expect(apple.testers).toEqual([]);
  expect(apple.mails).toHaveLength(1);
});

test("only the vendor's alarm reports the jobs that a stop holds and the jobs behind them", async () => {
  service = await startTestflight();
  const { engine, apple } = service;
  apple.fail({ ...agreement, times: 'forever' });
  for (let n = 1; n <= 6; n++) {
    const app = n % 2 ? APP : EMPTY_APP;
    const groups = [n % 2 ? GROUP : EMPTY_APPS_GROUP];
    engine.send(inviteBody({ app, groups, email: `t${n}@example.com` }, { id: jobId(n) }), { group: app });
  }

  for (let minute = 0; minute < 10; minute++) {
    for (let n = 1; n <= 6; n++) await engine.deliver(1);
    await engine.reconcile();
    engine.clock.advance(60_000);
  }

  const measured = (name: string) => engine.metrics.filter((metric) => metric.name === name).map(({ value }) => value);
  expect(engine.rows().map(({ reason }) => reason)).toContain('behind');
  expect(engine.told).toMatchObject([{ fact: 'circuit-open', subject: 'app-store-connect', on: true }]);
  expect(new Set(measured('OldestHeld'))).toEqual(new Set([0]));
});

test('a 403 parks only its own job', async () => {
  service = await startTestflight();
  const { engine, apple } = service;
  apple.fail({ method: 'POST', path: '/v1/betaTesters', bodyContains: TESTER, status: 403 });
  send(inviteBody());
  send(inviteBody({ email: 'second@example.com' }, { id: jobId(2) }));

  await engine.drain({ batch: 1 });

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'Forbidden', status: 403 } });
  expect(engine.row(jobId(2)).state).toBe('succeeded');
});

test('a removal does not overtake an invitation with an unknown outcome', async () => {
  service = await startTestflight();
  const { engine, apple } = service;
  apple.fail({ method: 'POST', path: '/v1/betaTesterInvitations', before: 'reset' });
  send(inviteBody());
  send(removeBody({}, { id: jobId(2) }));

  await engine.drain({ batch: 1 });

  expect(states()).toEqual(['succeeded', 'succeeded']);
  expect(apple.mails).toHaveLength(1);
  expect(apple.testers).toEqual([]);
});

test('a redriven invitation is refused only if a later removal took effect', async () => {
  service = await startTestflight({ seed: seed([{ app: APP, email: TESTER, groups: [GROUP], state: 'INVITED' }]) });
  const { engine, apple } = service;
  apple.fail({ method: 'GET', status: 400 });
  apple.fail({ method: 'GET', status: 400 });
  send(inviteBody());
  send(inviteBody({ email: 'second@example.com' }, { id: jobId(2) }));
  send(removeBody({}, { id: jobId(3), time: '2026-01-02T03:04:06.000Z' }));
  await engine.drain({ batch: 1 });
  const parked = states();

  send(inviteBody());
  send(inviteBody({ email: 'second@example.com' }, { id: jobId(2) }));
  await engine.drain({ batch: 1 });

  expect(parked).toEqual(['dead', 'dead']);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', generation: 2, error: { code: 'Superseded' } });
  expect(engine.row(jobId(2))).toMatchObject({ state: 'succeeded', generation: 2 });
  expect(apple.testers).toMatchObject([{ email: 'second@example.com' }]);
});

test('jobs run with pauses when few calls are left, and wait for new calls when none are left', async () => {
  service = await startTestflight({ limit: 40 });
  const { engine, apple } = service;
  const invitations = 15;
  for (let n = 1; n <= invitations; n++) send(inviteBody({ email: `t${n}@example.com` }, { id: jobId(n) }));
  const begun = engine.clock.now();

  await engine.drain({ batch: 1 });

  const statuses = new Set(engine.rows().map(({ state }) => state));
  expect(statuses).toEqual(new Set(['succeeded']));
  expect(apple.mails).toHaveLength(invitations);
  expect(engine.clock.now() - begun).toBeGreaterThan(3_600_000);
  // The worker mostly waits on its own. Apple's hour is rolling, so a 429 comes now and then.
  const waits = engine.rows().flatMap(({ history }) => history.flatMap(({ error }) => error ?? []));
  const [told, own] = [429, undefined].map((status) => waits.filter((wait) => wait.status === status).length);
  expect(own).toBeGreaterThan(told ?? 0);
  expect(engine.rows().every(({ attempts }) => attempts === 1)).toBe(true);
});

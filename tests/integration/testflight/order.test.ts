import { LONGEST_CALL_MS } from '../../../lib/worker/contract';
import { jobId } from '../../support/engine';
import {
  APP,
  GROUP,
  inviteBody,
  OTHER_GROUP,
  removeBody,
  SETTLE_AFTER_MS,
  seed,
  startTestflight,
  TESTER,
} from '../../support/testflight';

type Service = Awaited<ReturnType<typeof startTestflight>>;
let service: Service;
afterEach(() => service.close());

const send = (body: string) => service.engine.send(body, { group: APP });
const states = () => [1, 2].map((n) => service.engine.row(jobId(n)).state);

async function halfAnHour(engine: Service['engine']): Promise<void> {
  for (let minute = 0; minute < 30; minute++) {
    await engine.reconcile();
    await engine.deliver(1);
    await engine.deliver(1);
    engine.clock.advance(60_000);
  }
}

const agreement = {
  status: 403,
  body: { errors: [{ status: '403', code: 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED', title: 'x' }] },
};

test.each([
  ['a missing agreement', agreement, 'AgreementMissing'],
  ['a revoked key', { status: 401 }, 'AppStoreConnectUnauthorized'],
])(
  '%s holds two commands about a tester, and only the later one continues after it is fixed',
  async (_what, failure, code) => {
    service = await startTestflight();
    const { engine, apple } = service;
    apple.fail({ ...failure, times: 'forever' });
    send(inviteBody());
    send(removeBody({}, { id: jobId(2) }));

    await halfAnHour(engine);
    const stopped = states();
    const circuit = engine.table.items().find(({ key }) => key === 'vendor#app-store-connect');
    await apple.recover();
    await halfAnHour(engine);

    expect(stopped).toEqual(['cancelled', 'held']);
    expect(circuit).toMatchObject({ code, stoppedAt: expect.any(Number) });
    expect(states()).toEqual(['cancelled', 'succeeded']);
    expect(engine.row(jobId(1)).history.at(-1)).toMatchObject({ event: 'cancelled (superseded)', note: jobId(2) });
    expect(Object.values(engine.records())).toContainEqual(expect.objectContaining({ reason: 'superseded' }));
    // Nothing can run a superseded job again.
    expect(engine.objects.keys().filter((key) => key.includes('/_bodies/'))).toEqual([]);
    expect(engine.deadLetters()).toEqual([]);
    expect(apple.testers).toEqual([]);
    expect(apple.mails).toEqual([]);
  },
);

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
  const [byVendor, own] = [429, undefined].map((status) => waits.filter((wait) => wait.status === status).length);
  expect(own).toBeGreaterThan(byVendor ?? 0);
  expect(engine.rows().every(({ attempts }) => attempts === 1)).toBe(true);
});

test('after a crash among several memberships the next run waits for the time of all of them', async () => {
  let kill = () => {};
  const killed = new Promise<void>((resolve) => {
    kill = resolve;
  });
  service = await startTestflight({
    seed: seed([{ app: APP, email: TESTER, groups: [], state: 'INVITED' }]),
    ...{ timeoutMs: 5_000, settings: { visibility: 8 } },
    before: (call) => {
      if (call !== 'apple.addToGroup') return undefined;
      kill();
      return new Promise<never>(() => {});
    },
  });
  const { engine } = service;
  engine.send(inviteBody({ groups: [GROUP, OTHER_GROUP] }), { group: APP });
  await Promise.race([engine.deliver(1), killed]);
  engine.clock.advance(10_000);

  await engine.deliver(1);

  const { state, steps, deliveries, retryAt = 0 } = engine.row(jobId(1));
  expect([state, steps.membership?.status]).toEqual(['held', 'started']);
  expect(retryAt - (deliveries.at(-1)?.at ?? 0)).toBe(2 * LONGEST_CALL_MS + SETTLE_AFTER_MS);
});

import { LONGEST_CALL_MS } from '../../../lib/worker/contract';
import { jobId } from '../../support/engine';
import { createKills, killFirstRun } from '../../support/kills';
import {
  APP,
  GROUP,
  inviteBody,
  notifyBuildBody,
  OTHER_GROUP,
  removeBody,
  SETTLE_AFTER_MS,
  seed,
  startTestflight,
  TESTER,
} from '../../support/testflight';

const invited = { app: APP, email: TESTER, groups: [GROUP], state: 'INVITED' as const };

interface Case {
  body: string;
  seeded: Parameters<typeof startTestflight>[0] & object;
  mails: number;
  /** Whether the outcome may stay unknown, because Apple cannot be asked. */
  mayStayUnknown: boolean;
}

const invitation = inviteBody({ groups: [GROUP, OTHER_GROUP], notification: { appName: 'Sample' } });
const CASES: Record<string, Case> = {
  'an invitation of a new tester': { body: invitation, seeded: { seed: seed() }, mails: 1, mayStayUnknown: false },
  'an invitation that Apple sends on its own': {
    body: invitation,
    seeded: { seed: seed([], { invitesOnJoining: true }) },
    mails: 1,
    mayStayUnknown: false,
  },
  'a second invitation': {
    body: inviteBody({ resend: true, groups: [GROUP, OTHER_GROUP] }),
    seeded: { seed: seed([invited]) },
    mails: 1,
    mayStayUnknown: true,
  },
  'a removal': { body: removeBody(), seeded: { seed: seed([invited]) }, mails: 0, mayStayUnknown: false },
  'a build notification': { body: notifyBuildBody(), seeded: { seed: seed() }, mails: 1, mayStayUnknown: true },
};

/** Runs one job and kills its first run at the n-th call, before or after that call takes effect. */
async function killAt({ body, seeded }: Case, n: number, when: 'before' | 'after') {
  const kills = createKills();
  const service = await startTestflight({ ...seeded, before: kills.before, after: kills.after });
  service.engine.send(body, { group: APP });
  return killFirstRun(service, { kills, call: n, when });
}

describe.each(['before', 'after'] as const)('when a run is killed %s any of its calls takes effect', (when) => {
  test.each(Object.entries(CASES))('%s is made at most once, and its job ends', async (_what, one) => {
    const states = new Set<string>();
    let n = 1;
    for (; ; n++) {
      const { engine, apple, sendgrid, outcome } = await killAt(one, n, when);

      const { state, reason } = engine.row(jobId(1));
      const unknown = state === 'held' && reason === 'unknown';
      const at = { n, when };
      expect({ ...at, twice: apple.mails.length > one.mails || sendgrid.mails.length > 1 }).toEqual({
        ...at,
        twice: false,
      });
      expect({ ...at, ended: state === 'succeeded' || (unknown && one.mayStayUnknown) }).toEqual({
        ...at,
        ended: true,
      });
      if (!unknown) {
        expect({ ...at, mails: apple.mails.length }).toEqual({ ...at, mails: one.mails });
        expect({ ...at, records: Object.values(engine.records()) }).toMatchObject({ ...at, records: [{ state }] });
      }
      states.add(unknown ? 'unknown' : state);
      if (outcome === 'done') break;
    }

    // The loop covered a whole run: claim, circuit, calls, steps, outcome and record.
    expect(n).toBeGreaterThan(8);
    expect(states.has('unknown')).toBe(one.mayStayUnknown);
  });
});

/** Kills the first run that makes this call, before the call. */
function killedAt(call: string) {
  let kill = () => {};
  let armed = true;
  const killed = new Promise<void>((resolve) => {
    kill = resolve;
  });
  const before = (made: string) => {
    if (!armed || made !== call) return undefined;
    armed = false;
    kill();
    return new Promise<never>(() => {});
  };
  return { killed, before };
}

test('after a crash among several memberships the next run waits for the time of all of them', async () => {
  const { killed, before } = killedAt('apple.addToGroup');
  const service = await startTestflight({
    seed: seed([{ ...invited, groups: [] }]),
    timeoutMs: 5_000,
    settings: { visibility: 8 },
    before,
  });
  const { engine } = service;
  engine.send(inviteBody({ groups: [GROUP, OTHER_GROUP] }), { group: APP });
  await Promise.race([engine.deliver(1), killed]);
  engine.clock.advance(10_000);

  await engine.deliver(1);
  await service.close();

  const { state, steps, retryAt = 0 } = engine.row(jobId(1));
  expect([state, steps.membership?.status]).toEqual(['held', 'started']);
  expect(retryAt - (steps.membership?.startedAt ?? 0)).toBe(2 * LONGEST_CALL_MS + SETTLE_AFTER_MS);
});

test('after a crashed run the next run waits until Apple would show the effect of its call', async () => {
  const { killed, before } = killedAt('apple.invite');
  const service = await startTestflight({ timeoutMs: 5_000, settings: { visibility: 8 }, before });
  const { engine, apple } = service;
  engine.send(inviteBody(), { group: APP });
  await Promise.race([engine.deliver(1), killed]);
  const asked = apple.requests.length;

  engine.clock.advance(10_000);
  await engine.deliver(1);
  const soon = { asked: apple.requests.length, row: engine.row(jobId(1)) };
  await engine.drain({ batch: 1 });
  await service.close();

  expect(soon).toMatchObject({
    asked,
    row: { state: 'held', reason: 'throttled', steps: { invitation: { status: 'started' } }, attempts: 1 },
  });
  expect(apple.mails).toHaveLength(1);
  expect(engine.row(jobId(1)).state).toBe('succeeded');
});

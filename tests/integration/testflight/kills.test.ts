import { LONGEST_CALL_MS } from '../../../lib/worker/contract';
import { jobId } from '../../support/engine';
import {
  APP,
  GROUP,
  inviteBody,
  OTHER_GROUP,
  SETTLE_AFTER_MS,
  seed,
  startTestflight,
  TESTER,
} from '../../support/testflight';

const invited = { app: APP, email: TESTER, groups: [GROUP], state: 'INVITED' as const };

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

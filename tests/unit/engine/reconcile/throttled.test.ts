import { todoKey } from '../../../../lib/engine/jobs/keys';
import { WaitError } from '../../../../lib/platform/errors';
import { envelope } from '../../../support/engine';
import { sampleEngine } from '../../../support/sample-contract';

const MINUTE_MS = 60_000;

test.each([30, 600, 3_600])(
  'a vendor that asks to wait %i s each time is told within ten minutes, with the jobs that wait and until when',
  async (seconds) => {
    let isThrottling = true;
    const about = { code: 'ZendeskThrottled', message: 'wait', vendor: 'zendesk' };
    const { engine } = sampleEngine(() => {
      if (isThrottling) throw new WaitError({ ...about, waitMs: seconds * 1000 });
    });
    const { clock, facts } = engine;
    const begun = clock.now();
    for (const n of [1, 2, 3]) await engine.sendAndDeliver(envelope(n), { group: `g${n}` });

    await engine.minutes(3);
    expect(facts).toEqual([]);
    await engine.minutes(6);

    expect(facts).toMatchObject([{ fact: 'vendor-throttles', subject: 'zendesk', count: 3, on: true }]);
    const [{ at = 0, until = 0 } = {}] = facts;
    expect(at - begun).toBeLessThanOrEqual(10 * MINUTE_MS);
    if (seconds > 30) expect(until - begun).toBeGreaterThanOrEqual(seconds * 1000);

    isThrottling = false;
    await engine.minutes(90);
    expect(facts.map(({ on }) => on)).toEqual([true, false]);
    expect(engine.rows().map(({ state }) => state)).toEqual(Array(3).fill('succeeded'));
  },
);

test('a job that waits for a slot of our own rate tells nothing about a vendor', async () => {
  const { engine } = sampleEngine(() => {
    throw new WaitError({ code: 'NoRateSlot', message: 'wait', waitMs: 600_000 });
  });
  await engine.sendAndDeliver(envelope(1));

  await engine.minutes(9);

  expect(engine.facts).toEqual([]);
  expect(
    await engine.table.due(todoKey('sample', 'held', 'zendesk'), { until: Number.MAX_SAFE_INTEGER, limit: 1 }),
  ).toEqual([]);
});

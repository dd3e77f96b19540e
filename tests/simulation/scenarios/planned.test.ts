import { aPlan } from '../draw/plan';
import { runPlan } from '../runs/run';
import { DAY_MS, HOUR_MS, jobs, load, MINUTE_MS, SECOND_MS, scenario } from './scenario';

test('a job that is planned a month ahead starts within a minute of its time', async () => {
  const { row, states } = await scenario({ jobs: jobs(['good', { planned: { ahead: 30 * DAY_MS } }]) });

  const { firstStartedAt = 0, notBefore = 0 } = row(0);
  expect(states()).toEqual(['succeeded']);
  expect(firstStartedAt - notBefore).toBeLessThan(MINUTE_MS + 2 * SECOND_MS);
});

test('a planned job that its caller cancels ends without an effect, and its end is published', async () => {
  const { row, states, reached } = await scenario({
    jobs: jobs(['good', { planned: { ahead: HOUR_MS, cancel: 10 * MINUTE_MS } }]),
    events: true,
  });

  expect(states()).toEqual(['cancelled (operator)']);
  expect(row(0).recordedAt).toBeDefined();
  expect(reached('event of an end')).toBe(1);
  expect(reached('effect ticket')).toBe(0);
});

test('a planned job holds up no other job of its group', async () => {
  const { row } = await scenario({
    queue: 'testflight',
    jobs: jobs(['good', { planned: { ahead: HOUR_MS } }], ['good', { at: 5 * SECOND_MS }]),
    beside: [load('feedback', 'good')],
  });

  expect((row(1).endedAt ?? 0) - row(1).time).toBeLessThan(MINUTE_MS);
});

test('no single fault of the calls that plan, cancel and start a job breaks a promise', async () => {
  const planned = { ahead: 90 * SECOND_MS };
  const faults = ['lost', 'late', 'killed-before', 'killed-after'] as const;
  for (const fault of faults)
    for (const [most, spec] of [
      [20, { planned, retries: 2 }],
      [12, { planned: { ...planned, cancel: 10 * SECOND_MS }, retries: 2 }],
    ] as const)
      for (let nth = 1; nth <= most; nth++) {
        const { violation } = await runPlan(aPlan({ jobs: jobs(['good', spec]), calls: [{ nth, fault }] }));
        if (violation) throw new Error(`${fault} at call ${nth}: ${violation}`);
      }
});

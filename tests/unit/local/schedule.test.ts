import { SCHEDULE_MINUTE_MS, scheduleMs, scheduleVariables, startSchedule } from '../../../lib/local/schedule';

/** A clock that moves only when a test advances it. */
function virtualTimers() {
  let now = 0;
  let pending: { at: number; callback: () => void }[] = [];
  return {
    now: () => now,
    setTimeout(callback: () => void, ms: number) {
      const entry = { at: now + ms, callback };
      pending.push(entry);
      return entry;
    },
    clearTimeout(handle: unknown) {
      pending = pending.filter((entry) => entry !== handle);
    },
    pending: () => pending.length,
    async advance(ms: number) {
      now += ms;
      const due = pending.filter(({ at }) => at <= now);
      pending = pending.filter(({ at }) => at > now);
      for (const { callback } of due) callback();
      await new Promise(setImmediate);
    },
  };
}

test.each([
  ['rate(1 minute)', SCHEDULE_MINUTE_MS],
  ['rate(5 minutes)', 5 * SCHEDULE_MINUTE_MS],
  ['rate(1 hour)', 60 * SCHEDULE_MINUTE_MS],
])('%s is scaled like every other interval', (expression, ms) => {
  expect(scheduleMs(expression)).toBe(ms);
});

test('only the reconciler gets the interval of its schedule on this machine', () => {
  const schedules = ['reconciler', 'compaction'].map((functionKey) => ({ functionKey, expression: 'rate(1 minute)' }));

  expect(scheduleVariables(schedules, 'reconciler')).toEqual({ RECONCILE_EVERY: '2' });
  expect(scheduleVariables(schedules, 'compaction')).toEqual({});
  expect(scheduleVariables(schedules, 'feedback')).toEqual({});
});

/** A run that takes until the test ends it. */
function slowRun() {
  let end = () => {};
  const run = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { run, end: () => end() };
}

test('the error names a schedule that this machine cannot run', () => {
  expect(() => scheduleMs('cron(0 12 * * ? *)')).toThrow('schedule cron(0 12 * * ? *) cannot run on this machine');
});

test('a schedule runs once per interval, first after one interval', async () => {
  const timers = virtualTimers();
  let runs = 0;
  startSchedule({ expression: 'rate(1 minute)', run: async () => (runs += 1), timers });

  await timers.advance(SCHEDULE_MINUTE_MS - 1);
  const before = runs;
  await timers.advance(1);
  await timers.advance(SCHEDULE_MINUTE_MS);

  expect([before, runs]).toEqual([0, 2]);
});

test('a run that takes longer than the interval does not overlap with the next one', async () => {
  const timers = virtualTimers();
  let runs = 0;
  const slow = slowRun();
  startSchedule({
    expression: 'rate(1 minute)',
    run: () => {
      runs += 1;
      return slow.run;
    },
    timers,
  });
  await timers.advance(SCHEDULE_MINUTE_MS);

  await timers.advance(5 * SCHEDULE_MINUTE_MS);
  const during = runs;
  slow.end();
  await timers.advance(0);
  await timers.advance(0);

  expect([during, runs]).toEqual([1, 2]);
});

test('a stop waits for the current run and starts no other', async () => {
  const timers = virtualTimers();
  const slow = slowRun();
  const schedule = startSchedule({ expression: 'rate(1 minute)', run: () => slow.run, timers });
  await timers.advance(SCHEDULE_MINUTE_MS);
  let stopped = false;

  const stopping = schedule.stop().then(() => {
    stopped = true;
  });
  await timers.advance(0);
  const during = stopped;
  slow.end();
  await stopping;

  expect(during).toBe(false);
  expect(timers.pending()).toBe(0);
});

import fc from 'fast-check';
import { compaction } from '../../../lib/analytics/compaction';
import { manifestPrefix, rejectedPrefix } from '../../../lib/analytics/keys';
import { analyticsContract } from '../../../lib/analytics/process';
import { visibleObjects } from '../../../lib/analytics/view';
import { dlqUrlOfArn, queueUrlOfArn } from '../../../lib/jobs/keys';
import { analyticsBody, anEvent, linesOf, someEvents } from '../../support/analytics';
import { memoryEngine, PREFIX } from '../../support/engine';
import { createKills } from '../../support/kills';

const MINUTE = 60_000;
const HOUR = Date.parse('2026-01-02T03:00:00Z');
const EVENTS = 4;

/** What happens next. */
type Step =
  /** A message is sent (again, if its number was used before: a producer that lost the answer, minutes ago). */
  | { do: 'send'; n: number }
  | { do: 'deliver'; max: number; kill?: { call: number; when: 'before' | 'after' } | undefined }
  /** A batch is received and nothing comes of it: a throttled start, a time-out before the first line. */
  | { do: 'lose'; max: number }
  /** Two invocations have the same batch at once. */
  | { do: 'deliver twice'; max: number }
  | { do: 'reconcile'; kill?: { call: number; when: 'before' | 'after' } | undefined }
  | { do: 'compact'; kill?: { call: number; when: 'before' | 'after' } | undefined }
  | { do: 'redrive' }
  | { do: 'wait'; minutes: number };

const kill = fc.option(
  fc.record({ call: fc.integer({ min: 1, max: 25 }), when: fc.constantFrom('before' as const, 'after' as const) }),
  { nil: undefined },
);
const max = fc.integer({ min: 1, max: 10 });
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), n: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver' as const), max, kill }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('lose' as const), max }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('deliver twice' as const), max }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('reconcile' as const), kill }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('compact' as const), kill }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('redrive' as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.constantFrom(1, 3, 3, 6, 20, 70) }),
    },
  ),
  { minLength: 40, maxLength: 120, size: 'max' },
);

/** Message n: its events are its own, one of them is not valid. */
const bodyOf = (n: number): string =>
  analyticsBody([...someEvents(EVENTS * n, EVENTS * n + EVENTS - 1), anEvent(1000 + n, { name: '' })], {
    n,
    partitionkey: `shard-${n % 3}`,
  });

/** Plays a schedule until all is quiet; `keyOf` may spoil the names that the worker gives its objects. */
async function play(type: 'fifo' | 'standard', schedule: Step[], keyOf = (key: string) => key) {
  const kills = createKills();
  const engine = memoryEngine(
    ({ objects }) =>
      // The work's own calls can be killed like the engine's.
      analyticsContract({
        objects: {
          ...objects,
          put: async (key, ...given) => {
            await kills.before();
            await objects.put(keyOf(key), ...given);
            await kills.after();
          },
        },
        prefix: PREFIX,
        names: new Set(),
        metrics: { add: () => {}, flush: () => {} },
      }),
    { settings: { type, visibility: 120, retention: 7 * 86_400 }, before: kills.before, after: kills.after },
  );
  const { clock, deps, model, queueArn } = engine;
  const [main, dlq] = [queueUrlOfArn(queueArn), dlqUrlOfArn(queueArn)];
  const sent = new Set<number>();
  const compact = () =>
    compaction({ ...deps, settleMs: 5 * MINUTE, graceMs: 15 * MINUTE, targetBytes: 3_000 }, { remainingMs: 60_000 });
  /** Every event that a reader sees now. */
  const seen = async () =>
    (
      await linesOf(
        engine.objects,
        await visibleObjects({ objects: engine.objects, prefix: PREFIX }, { hour: HOUR, at: clock.now() }),
      )
    )
      .map(({ id }) => id)
      .sort();
  const problems: string[] = [];
  const reached = { died: 0, adopted: 0, 'moved by SQS': 0, 'compacted before a delivery': 0 };
  const mayDie = async (run: () => Promise<unknown>, kill?: Parameters<typeof kills.run>[1]) => {
    if ((await kills.run(run, kill)) === 'died') reached.died++;
  };
  let before: string[] = [];
  const look = async (step: Step) => {
    const now = await seen();
    if (new Set(now).size !== now.length) problems.push(`twice after ${JSON.stringify(step)}`);
    if (before.some((id) => !now.includes(id))) problems.push(`gone after ${JSON.stringify(step)}`);
    before = now;
  };

  for (const step of schedule) {
    if (step.do === 'send') {
      const fresh = sent.has(step.n) ? {} : { deduplication: `sent-${step.n}` };
      sent.add(step.n);
      engine.send(bodyOf(step.n), { group: `shard-${step.n % 3}`, ...fresh });
    } else if (step.do === 'wait') clock.advance(step.minutes * MINUTE);
    else if (step.do === 'lose') engine.receive(step.max);
    else if (step.do === 'redrive') model.startMessageMoveTask({ SourceArn: arnOf(dlq), DestinationArn: arnOf(main) });
    else if (step.do === 'reconcile') await mayDie(() => engine.reconcile(), step.kill);
    else if (step.do === 'compact') await mayDie(compact, step.kill);
    else {
      const event = engine.receive(step.max);
      if (event.Records.length === 0) continue;
      if (engine.objects.keys().some((key) => key.startsWith(manifestPrefix(PREFIX))))
        reached['compacted before a delivery']++;
      if (step.do === 'deliver') await mayDie(() => engine.handle(event), step.kill);
      else await Promise.allSettled([engine.handle(event), engine.handle(structuredClone(event))]);
    }
    await look(step);
    if (engine.deadLetters().length > 0) reached['moved by SQS']++;
  }
  // The last fault is over.
  for (let round = 0; round < 200 && (engine.inQueue() > 0 || engine.deadLetters().length > 0); round++) {
    await kills.run(() => engine.deliver());
    await kills.run(() => engine.reconcile());
    clock.advance(3 * MINUTE);
  }
  clock.advance(60 * MINUTE);
  for (let round = 0; round < 3; round++) {
    await kills.run(compact);
    clock.advance(30 * MINUTE);
    await look({ do: 'compact' });
  }
  if (engine.rows().length > 0) reached.adopted++;
  return { engine, sent, problems, reached, seen: await seen() };
}

const arnOf = (url: string): string => `arn:aws:sqs:us-east-1:000000000000:${url.slice(url.lastIndexOf('/') + 1)}`;

const total: Record<string, number> = {};

describe.each(['fifo', 'standard'] as const)('on a %s queue', (type) => {
  test('every event is in S3 once, whatever is killed, lost, delivered again, redriven or compacted', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (schedule) => {
        const { engine, sent, problems, reached, seen } = await play(type, schedule);
        for (const [what, times] of Object.entries(reached)) total[what] = (total[what] ?? 0) + times;

        const expected = [...sent].flatMap((n) => someEvents(EVENTS * n, EVENTS * n + EVENTS - 1).map(({ id }) => id));
        expect(problems).toEqual([]);
        expect(seen).toEqual(expected.sort());
        const rejected = await linesOf(
          engine.objects,
          engine.objects.keys().filter((key) => key.startsWith(rejectedPrefix(PREFIX))),
        );
        expect(rejected.map(({ event }) => event?.id).sort()).toEqual([...sent].map((n) => `event-${1000 + n}`).sort());
        expect(engine.deadLetters()).toEqual([]);
        expect(engine.rows().filter(({ state }) => state !== 'succeeded')).toEqual([]);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

test('the schedules reach what they are there for', () => {
  expect(Object.entries(total).filter(([, times]) => times < 10)).toEqual([]);
  expect(Object.keys(total)).toHaveLength(4);
});

test('a worker that named its objects by the delivery would be found', async () => {
  const found = await fc.check(
    fc.asyncProperty(steps, async (schedule) => {
      let count = 0;
      const { problems } = await play('fifo', schedule, (key) => key.replace(/([^/]+)$/, `${++count}-$1`));
      return problems.length === 0;
    }),
    { numRuns: 150 },
  );

  expect(found.failed).toBe(true);
});

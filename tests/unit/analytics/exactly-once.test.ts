import fc from 'fast-check';
import { writeHours } from '../../../lib/analytics/hours';
import { dataPrefix, parquetPartition, rejectedPrefix } from '../../../lib/analytics/keys';
import { analyticsContract } from '../../../lib/analytics/process';
import { dlqUrlOfArn, queueUrlOfArn } from '../../../lib/jobs/keys';
import { crashesOf } from '../../../lib/jobs/transitions';
import { analyticsBody, anEvent, linesOf, someEvents, viewAt } from '../../support/analytics';
import { jobId, memoryEngine, PREFIX } from '../../support/engine';
import { createKills } from '../../support/kills';

const MINUTE = 60_000;
const HOUR = Date.parse('2026-01-02T03:00:00Z');
const EVENTS = 4;

/** One step of a schedule. */
type Step =
  /**
   * Sends a message. A used number means that a producer lost the answer minutes ago and sends it again. `other` sends
   * other events under the same id.
   */
  | { do: 'send'; n: number; other: boolean }
  | { do: 'deliver'; max: number; kill?: { call: number; when: 'before' | 'after' } | undefined }
  /** Receives a batch without processing it: a throttled start, or a time-out before the first line. */
  | { do: 'lose'; max: number }
  /** Two invocations process the same batch at the same time. */
  | { do: 'deliver twice'; max: number }
  | { do: 'reconcile'; kill?: { call: number; when: 'before' | 'after' } | undefined }
  | { do: 'write the hours'; kill?: { call: number; when: 'before' | 'after' } | undefined }
  | { do: 'redrive' }
  | { do: 'wait'; minutes: number };

const kill = fc.option(
  fc.record({ call: fc.integer({ min: 1, max: 25 }), when: fc.constantFrom('before' as const, 'after' as const) }),
  { nil: undefined },
);
const max = fc.integer({ min: 1, max: 10 });
const n = fc.integer({ min: 1, max: 12 });
const few = fc.integer({ min: 1, max: 3 });
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), n, other: fc.constant(false) }) },
    // Few numbers, because a run without conflicts finds more than a run with many.
    { weight: 1, arbitrary: fc.record({ do: fc.constant('send' as const), n: few, other: fc.boolean() }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver' as const), max, kill }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('lose' as const), max }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('deliver twice' as const), max }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('reconcile' as const), kill }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('write the hours' as const), kill }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('redrive' as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.constantFrom(1, 3, 3, 6, 20, 70) }),
    },
  ),
  { minLength: 40, maxLength: 120, size: 'max' },
);

/** The numbers of the valid events of message n or of the other message with its id. */
const numbersOf = (n: number, other: boolean): [number, number] => {
  const first = EVENTS * n + (other ? 500 : 0);
  return [first, first + EVENTS - 1];
};
const idsOf = (n: number, other: boolean): string[] => someEvents(...numbersOf(n, other)).map(({ id }) => id);
const invalidOf = (n: number, other: boolean) => anEvent(1000 + n + (other ? 500 : 0), { name: '' });

/** Message n with its own events, of which one is not valid. */
const bodyOf = (n: number, other: boolean): string =>
  analyticsBody([...someEvents(...numbersOf(n, other)), invalidOf(n, other)], { n, partitionkey: `shard-${n % 3}` });

/** Plays a schedule until no message is left. `keyOf` can change the keys of the worker's objects. */
async function play(type: 'fifo' | 'standard', schedule: Step[], keyOf = (key: string) => key) {
  const kills = createKills();
  const engine = memoryEngine(
    ({ objects }) =>
      // A kill can also hit the calls of the queue's own code.
      analyticsContract({
        objects: {
          ...objects,
          create: async (key, ...given) => {
            await kills.before();
            const answer = await objects.create(keyOf(key), ...given);
            await kills.after();
            return answer;
          },
          get: async (key) => {
            await kills.before();
            return objects.get(key);
          },
        },
        prefix: PREFIX,
        metrics: { add: () => {}, flush: async () => {} },
      }),
    { settings: { type, visibility: 120, retention: 7 * 86_400 }, before: kills.before, after: kills.after },
  );
  const { clock, deps, model, queueArn } = engine;
  const [main, dlq] = [queueUrlOfArn(queueArn), dlqUrlOfArn(queueArn)];
  /** Which of the two messages of each number were sent. */
  const sent = new Map<number, Set<'one' | 'other'>>();
  const writeAll = () =>
    writeHours({ ...deps, columns: [], onePartBytes: 3_000, mostBytes: 1e9 }, { remainingMs: 60_000 });
  /** The ids of all stored events, and of those that a reader sees now. */
  const stored = () => engine.objects.keys().filter((key) => key.startsWith(dataPrefix(PREFIX)));
  const seen = async () => (await linesOf(engine.objects, stored())).map(({ id }) => id).sort();
  const viewed = async () => (await viewAt(engine.objects, clock.now())).map(({ id }) => id).sort();
  /** The messages that SQS moved to the DLQ. */
  const moved = () => engine.deadLetters().filter(({ attributes }) => attributes.code === undefined);
  const problems: string[] = [];
  const reached = { died: 0, adopted: 0, conflicts: 0, 'moved by SQS': 0, 'written before a delivery': 0 };
  const mayDie = async (run: () => Promise<unknown>, kill?: Parameters<typeof kills.run>[1]) => {
    if ((await kills.run(run, kill)) === 'died') reached.died++;
  };
  /** Whether a job already has a crashed run of its own. A second one in a row would make it a suspected poison message. */
  const counted = ({ Records }: ReturnType<typeof engine.receive>) =>
    engine.rows().some((row) => crashesOf(row) > 0) ||
    Records.some(({ messageAttributes: { returned } }) => Number(returned?.stringValue ?? 0) > 1);
  let before: string[] = [];
  const look = async (step: Step) => {
    const now = await seen();
    if (new Set(now).size !== now.length) problems.push(`twice after ${JSON.stringify(step)}`);
    if (before.some((id) => !now.includes(id))) problems.push(`gone after ${JSON.stringify(step)}`);
    before = now;
    const isSame = step.do !== 'write the hours' || (await viewed()).join() === now.join();
    if (!isSame) problems.push(`a reader sees others after ${JSON.stringify(step)}`);
  };

  for (const step of schedule) {
    if (step.do === 'send') {
      const before = sent.get(step.n) ?? new Set();
      const fresh = before.size > 0 ? {} : { deduplication: `sent-${step.n}` };
      engine.send(bodyOf(step.n, step.other), { group: `shard-${step.n % 3}`, ...fresh });
      sent.set(step.n, before.add(step.other ? 'other' : 'one'));
    } else if (step.do === 'wait') clock.advance(step.minutes * MINUTE);
    else if (step.do === 'lose') engine.receive(step.max);
    else if (step.do === 'redrive') model.startMessageMoveTask({ SourceArn: arnOf(dlq), DestinationArn: arnOf(main) });
    else if (step.do === 'reconcile') await mayDie(() => engine.reconcile(), step.kill);
    else if (step.do === 'write the hours') await mayDie(writeAll, step.kill);
    else {
      const event = engine.receive(step.max);
      if (event.Records.length === 0) continue;
      if (engine.objects.keys().some((key) => key.startsWith(parquetPartition(PREFIX, HOUR))))
        reached['written before a delivery']++;
      if (step.do === 'deliver') await mayDie(() => engine.handle(event), counted(event) ? undefined : step.kill);
      else await Promise.allSettled([engine.handle(event), engine.handle(structuredClone(event))]);
    }
    await look(step);
    if (moved().length > 0) reached['moved by SQS']++;
  }
  // No more faults from here on.
  const dead = () => engine.rows().filter(({ state }) => state === 'dead');
  const quiet = () => engine.inQueue() + moved().length === 0 && engine.deadLetters().length === dead().length;
  for (let round = 0; round < 200 && !quiet(); round++) {
    await kills.run(() => engine.deliver());
    await kills.run(() => engine.reconcile());
    clock.advance(3 * MINUTE);
  }
  clock.advance(60 * MINUTE);
  for (let round = 0; round < 3; round++) {
    await kills.run(writeAll);
    clock.advance(60 * MINUTE);
    await look({ do: 'write the hours' });
  }
  if (engine.rows().some(({ state }) => state === 'succeeded')) reached.adopted++;
  if (engine.rows().some(({ state }) => state === 'dead')) reached.conflicts++;
  return { engine, sent, problems, reached, seen: await seen() };
}

const arnOf = (url: string): string => `arn:aws:sqs:us-east-1:000000000000:${url.slice(url.lastIndexOf('/') + 1)}`;

/** Expects each event once in its place, and only the second message of an id as parked. */
async function expectOnce({ engine, sent, problems, seen }: Awaited<ReturnType<typeof play>>) {
  /** Whether the other message of this id was stored first. */
  const stored = (n: number) => seen.includes(idsOf(n, true)[0] ?? '');
  expect(problems).toEqual([]);
  expect(seen).toEqual([...sent.keys()].flatMap((n) => idsOf(n, stored(n))).sort());
  const rejected = await linesOf(
    engine.objects,
    engine.objects.keys().filter((key) => key.startsWith(rejectedPrefix(PREFIX))),
  );
  expect(rejected.map(({ event }) => event?.id).sort()).toEqual(
    [...sent.keys()].map((n) => invalidOf(n, stored(n)).id).sort(),
  );
  const parked = engine.deadLetters().map(({ body, attributes }) => ({ body, code: attributes.code?.StringValue }));
  const conflicts = [...sent].filter(([, variants]) => variants.size > 1).map(([n]) => n);
  expect(new Set(parked.map(({ body }) => body))).toEqual(new Set(conflicts.map((n) => bodyOf(n, !stored(n)))));
  expect(parked.filter(({ code }) => code !== 'IdTaken')).toEqual([]);
  expect(engine.rows().filter(({ state }) => state === 'dead')).toHaveLength(parked.length);
}

const total: Record<string, number> = {};

describe.each(['fifo', 'standard'] as const)('on a %s queue', (type) => {
  test('every event is in S3 once after kills, losses, redeliveries and redrives', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (schedule) => {
        const played = await play(type, schedule);
        for (const [what, times] of Object.entries(played.reached)) total[what] = (total[what] ?? 0) + times;

        await expectOnce(played);
        // A message that is redriven before its job ended gets a new message id and a new row. The old row expires.
        const live = played.engine.rows().filter(({ state }) => state !== 'succeeded' && state !== 'dead');
        expect(
          live.filter(({ id }) => !(id.startsWith('invalid/') && schedule.some((step) => step.do === 'redrive'))),
        ).toEqual([]);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  const lost = (times: number): Step[] =>
    Array.from({ length: times }, (): Step[] => [
      { do: 'lose', max: 10 },
      { do: 'wait', minutes: 3 },
    ]).flat();
  const minutes = (...all: number[]): Step[] =>
    all.flatMap((some) => [{ do: 'wait', minutes: some }, { do: 'write the hours' }]);

  test.each([
    ['soon', minutes(3)],
    ['after its accepted events were written as Parquet', minutes(70, 20, 20)],
  ])(
    'a message whose worker died between its two objects is completed while another message owns the row: %s',
    async (_when, later) => {
      const diedBetween: Step[] = [
        { do: 'send', n: 1, other: true },
        ...lost(3),
        { do: 'send', n: 1, other: false },
        { do: 'deliver', max: 10, kill: { call: 1, when: 'after' } },
        ...later,
        ...lost(2),
      ];
      /** The other message returns from the DLQ and takes the row while SQS moves the first one there. Then the first returns. */
      const back: Extract<Step, { do: 'reconcile' | 'deliver' }>[] = [
        { do: 'reconcile' },
        { do: 'deliver', max: 10 },
        { do: 'reconcile' },
        { do: 'deliver', max: 10 },
      ];

      for (const [index, step] of back.entries())
        for (let call = 1, died = true; died; call++) {
          const kill = { call, when: 'after' as const };
          const played = await play(type, [...diedBetween, ...back.with(index, { ...step, kill })]);
          died = played.reached.died > 1;

          await expectOnce(played);
          const rows = played.engine.rows().map(({ id, state }) => `${id} ${state}`);
          expect({ index, call, rows }).toEqual({
            ...{ index, call },
            rows: [`${jobId(1)} dead`, expect.stringMatching(/^invalid\/.* succeeded$/)],
          });
        }
    },
  );
});

test('the schedules reach every case that they are meant for', () => {
  expect(Object.entries(total).filter(([, times]) => times < 10)).toEqual([]);
  expect(Object.keys(total)).toHaveLength(5);
});

test('the test finds a worker that names its objects by the delivery', async () => {
  const found = await fc.check(
    fc.asyncProperty(steps, async (schedule) => {
      let count = 0;
      const { problems } = await play('fifo', schedule, (key) => key.replace(/([^/]+)$/, `${++count}-$1`));
      return problems.length === 0;
    }),
    { numRuns: 150, endOnFailure: true },
  );

  expect(found.failed).toBe(true);
});

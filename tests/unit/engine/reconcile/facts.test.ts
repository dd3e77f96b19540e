import { createFactReporter } from '../../../../lib/engine/reconcile/facts';
import { type EngineOptions, envelope, jobId } from '../../../support/engine';
import { outage } from '../../../support/faults';
import { rejects, sampleEngine } from '../../../support/sample-contract';

const MINUTE = 60_000;
const OPEN = { kind: 'circuit-open', subject: 'zendesk', code: 'Unauthorized' } as const;

function start(options: EngineOptions = {}) {
  const { engine } = sampleEngine(undefined, options);
  return {
    ...engine,
    /** One run that finds these facts. */
    run: async (...facts: Parameters<ReturnType<typeof createFactReporter>['report']>[0][]) => {
      const reporter = createFactReporter(engine.deps);
      for (const fact of facts) await reporter.report(fact);
      return reporter.close();
    },
    brief: () => engine.facts.map(({ fact, code, on }) => `${fact} ${code} ${on ? 'on' : 'over'}`),
  };
}

test('a fact is sent when it begins and when it has been off for fifteen minutes, and costs no write while it stays', async () => {
  const { run, clock, facts, table } = start();
  const begun = clock.now();
  const versions: unknown[] = [];

  for (let minute = 0; minute < 10; minute++) {
    await run(OPEN);
    versions.push(table.item('facts')?.version);
    clock.advance(MINUTE);
  }
  const offAt = clock.now();
  for (let minute = 0; minute < 20; minute++) {
    await run();
    clock.advance(MINUTE);
  }

  expect(new Set(versions).size).toBe(1);
  expect(facts).toEqual([
    { fact: 'circuit-open', subject: 'zendesk', code: 'Unauthorized', on: true, since: begun, at: begun },
    { fact: 'circuit-open', subject: 'zendesk', code: 'Unauthorized', on: false, since: begun, at: offAt },
  ]);
});

test('facts that two kinds of work find at the same time, in every run, are sent once each', async () => {
  const { deps, facts } = start();
  const subjects = ['one', 'two', 'three'];

  for (let run = 0; run < 2; run++) {
    const reporter = createFactReporter(deps);
    await Promise.all(subjects.map((subject) => reporter.report({ kind: 'jobs-expired', subject })));
    await reporter.close();
  }

  expect(facts.map(({ subject }) => subject)).toEqual(subjects);
});

test('a fact or an end that the topic does not take is sent by a later run, also if that run does not find it', async () => {
  const store = outage('topic.publish');
  const { run, clock, brief } = start(store);

  const left = [await run(OPEN), await run()];
  store.down = false;
  clock.advance(MINUTE);
  left.push(await run());
  clock.advance(20 * MINUTE);
  store.down = true;
  left.push(await run());
  store.down = false;
  await run();

  expect(left).toEqual([1, 1, 0, 1]);
  expect(brief()).toEqual(['circuit-open Unauthorized on', 'circuit-open Unauthorized over']);
});

test('a quiet fact is kept and never published', async () => {
  const { deps, run, clock, facts, table } = start();
  const reporter = createFactReporter(deps);

  await reporter.report(OPEN, { quiet: true });
  await reporter.close();
  const kept = table.item('facts');
  await run();
  clock.advance(20 * MINUTE);
  await run();

  expect(Object.values(kept?.facts as object)).toMatchObject([OPEN]);
  expect(facts).toEqual([]);
  expect(table.item('facts')).toMatchObject({ facts: {} });
});

test('damaged facts count as none, so a fact is sent again', async () => {
  const { run, table, brief } = start();
  await run(OPEN);
  const stored = table.item('facts');
  await table.put({ key: 'facts', version: 9, writer: '', facts: 'x' }, stored?.version ?? 0);

  await run(OPEN);

  expect(brief()).toHaveLength(2);
});

test.each([
  ['are sent by their codes', 5, [['Rejected', 2]]],
  ['are only kept if the alarm about the DLQ reports the first one', 1, []],
])('dead jobs %s', async (_what, dlqDepth, expected) => {
  const { engine } = sampleEngine(rejects, { dlqDepth });
  for (const n of [1, 2]) engine.send(envelope(n), { group: `g${n}` });
  await engine.deliver();

  await engine.reconcile();

  expect(engine.facts.map(({ code, count }) => [code, count])).toEqual(expected);
  expect(Object.values(engine.table.item('facts')?.facts as object)).toMatchObject([
    { kind: 'jobs-dead', subject: 'sample', code: 'Rejected', count: 2, jobId: jobId(1) },
  ]);
});

test('if a run cannot read all dead jobs, a code that it did not see is not over', async () => {
  const engine = start();
  const dead = { kind: 'jobs-dead', code: 'Rejected', count: 3 } as const;
  await engine.run({ ...dead, subject: 'feedback' }, { ...dead, subject: 'emails' });
  for (let n = 0; n < 2; n++) {
    const later = createFactReporter(engine.deps);
    await later.keep({ kind: 'jobs-dead', subject: 'feedback' });
    await later.close();
    engine.clock.advance(20 * MINUTE);
  }

  expect(engine.facts.filter(({ on }) => !on).map(({ subject }) => subject)).toEqual(['emails']);
});

test('the daily check and the reconciler leave the facts of each other on', async () => {
  const { deps, run, brief } = start();
  const check = () =>
    createFactReporter({ ...deps, topic: deps.topic && { ...deps.topic, overAfterMs: 0 }, daily: true });
  const daily = check();

  await run(OPEN);
  await daily.report({ kind: 'data-differs', subject: '', code: 'lost-job', count: 1 });
  await daily.close();
  await run(OPEN);
  expect(brief()).toEqual(['circuit-open Unauthorized on', 'data-differs lost-job on']);
  await check().close();
  await run(OPEN);

  expect(brief().slice(2)).toEqual(['data-differs lost-job over']);
});

import { IllegalTransitionError } from '../../../../lib/engine/jobs/transitions';
import type { MessageType } from '../../../../lib/engine/worker/contract';
import { AmbiguousError, PermanentError, StopError, TransientError, WaitError } from '../../../../lib/platform/errors';
import { acceptedRow } from '../../../support/accepted-row';
import { damagedRow } from '../../../support/damage';
import { envelope, jobId, memoryEngine } from '../../../support/engine';
import { inState } from '../../../support/in-state';
import { rejects, sampleContract, sampleEngine } from '../../../support/sample-contract';

const about = { message: 'no', vendor: 'zendesk' } as const;

/** Values by the name of the metric, in order. */
function metricsOf(engine: ReturnType<typeof memoryEngine>): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const { name, value } of engine.metrics) found[name] = [...(found[name] ?? []), value];
  return found;
}

test('a success is counted, with the time from the API to its end', async () => {
  const { engine }: ReturnType<typeof sampleEngine> = sampleEngine(() => engine.clock.advance(2_000));
  engine.send(envelope());
  engine.clock.advance(3_000);

  await engine.deliver();

  expect(metricsOf(engine)).toEqual({ JobsSucceeded: [1], JobsDead: [0], TimeToFinish: [5_000], VendorTime: [2_000] });
});

test.each<[string, Error, Record<string, number[]>, string?]>([
  ['permanent', new PermanentError({ ...about, code: 'Rejected', status: 422 }), { JobsSucceeded: [0], JobsDead: [1] }],
  ['wait', new WaitError({ ...about, code: 'Throttled', status: 429, waitMs: 3_600_000 }), {}],
  ['stop', new StopError({ ...about, code: 'Unauthorized', status: 401 }), {}, 'VendorErrors'],
  ['transient', new TransientError({ ...about, code: 'Down' }), { JobsRetried: [1] }, 'VendorErrors'],
  ['ambiguous', new AmbiguousError({ ...about, code: 'NoAnswer' }), { JobsRetried: [1] }, 'VendorErrors'],
])(
  'a job with an error of class %s is counted by queue, its call by vendor, and its log line has the class',
  async (...[kind, error, counts, failure]) => {
    const { engine } = sampleEngine(() => Promise.reject(error));

    await engine.sendAndDeliver(envelope());

    const { JobsSucceeded, JobsDead, JobsRetried } = metricsOf(engine);
    const ofVendor = engine.metrics.filter(({ dimensions }) => dimensions.vendor === 'zendesk').map(({ name }) => name);
    expect(JSON.parse(JSON.stringify({ JobsSucceeded, JobsDead, JobsRetried }))).toEqual(counts);
    expect([...new Set(ofVendor)].sort()).toEqual([...(failure ? [failure] : []), 'VendorTime']);
    expect(engine.lines.at(-1)?.facts).toMatchObject({ queue: 'sample', class: kind });
  },
);

test('an illegal change of a job is refused and counted, for an alarm of its own', async () => {
  const { engine } = sampleEngine();
  engine.send(envelope());
  const row = { ...acceptedRow(engine.clock.now()), state: inState('dead') };
  engine.deps.ledger.get = () => Promise.reject(new IllegalTransitionError('hold', row));

  await engine.deliver();

  expect(metricsOf(engine)).toEqual({ JobsRetried: [1], IllegalTransitions: [1] });
  expect(engine.lines.at(-1)?.facts).toMatchObject({ code: 'IllegalTransition', jobId: row.id, state: 'dead' });
});

const BUG = new TypeError('planted');

test.each<[string, () => ReturnType<typeof sampleEngine>['engine'], string]>([
  [
    'a run of the worker, at each of its three tries',
    () => sampleEngine(() => Promise.reject(BUG)).engine,
    'Unexpected',
  ],
  ['the worker itself', () => failing('table.update', 'table.get'), 'EngineFailed'],
  ['the reconciler', () => failing('table.todos'), 'Unexpected'],
])('a bug in %s is logged with what was thrown, for its class and place', async (where, start, code) => {
  const engine = start();

  if (where === 'the reconciler') await engine.reconcile();
  else await engine.sendAndDeliver(envelope());

  expect(engine.bugs.length).toBeGreaterThan(where.includes('three') ? 2 : 0);
  expect(new Set(engine.bugs)).toEqual(new Set([BUG]));
  expect(engine.lines).toContainEqual({ message: expect.any(String), facts: expect.objectContaining({ code }) });
  expect(JSON.stringify(engine.lines)).not.toContain('planted');
});

/** Calls of the engine that have a bug. */
const failing = (...calls: string[]) =>
  sampleEngine(undefined, {
    before: (call) => {
      if (calls.includes(call)) throw BUG;
    },
  }).engine;

test.each<[string, (engine: ReturnType<typeof sampleEngine>['engine']) => Promise<unknown>]>([
  ['late', (engine) => engine.sendAndDeliver(envelope(), { of: jobId(1) })],
  ['refused', (engine) => engine.sendAndDeliver(envelope())],
  [
    'damaged',
    async (engine) => {
      await damagedRow(engine.table, engine.row(jobId(1)).key, 'steps');
      await engine.sendAndDeliver(envelope());
    },
  ],
])('a message that runs no job because it is %s has that outcome, and counts as no end', async (outcome, deliver) => {
  const { engine } = sampleEngine();
  await engine.accept(envelope());
  await engine.deliver();
  const before = metricsOf(engine).JobsSucceeded;

  await deliver(engine);

  expect(engine.lines.at(-1)).toMatchObject({ message: 'delivery handled', facts: { outcome } });
  expect(metricsOf(engine).JobsSucceeded).toEqual(before);
});

test('the time of a paced job, which waits for its share of a rate, is not measured', async () => {
  const { contract } = sampleContract();
  const [[type = '', of] = []] = Object.entries(contract.types);
  const engine = memoryEngine(() => ({ ...contract, types: { [type]: { ...of, paced: true } as MessageType } }));

  await engine.sendAndDeliver(envelope());

  expect(metricsOf(engine)).toEqual({ JobsSucceeded: [1], JobsDead: [0], VendorTime: [0] });
});

test('an end counts although a copy of the message opens the job again before the worker reports it', async () => {
  const { engine } = sampleEngine(rejects);
  const { update } = engine.deps.ledger;
  engine.deps.ledger.update = async (key, change, known) => {
    engine.deps.ledger.update = update;
    await update(key, (row) => ({ ...row, state: inState('queued'), generation: row.generation + 1 }));
    return update(key, change, known);
  };

  await engine.sendAndDeliver(envelope());

  expect(engine.row(jobId(1)).state).toBe('queued');
  expect(engine.metrics).toContainEqual(expect.objectContaining({ name: 'JobsDead', value: 1 }));
});

test('metrics use only the dimensions queue and vendor, and none of their values comes from a message', async () => {
  const { engine } = sampleEngine(rejects);
  engine.send(envelope());
  engine.send('planted', { group: 'planted' });

  await engine.deliver();
  await engine.reconcile();

  const names = new Set(engine.metrics.flatMap(({ dimensions }) => Object.keys(dimensions)));
  expect([...names].sort()).toEqual(['queue', 'vendor']);
  expect(JSON.stringify(engine.metrics)).not.toContain('planted');
});

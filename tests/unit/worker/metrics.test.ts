import { AmbiguousError, PermanentError, StopError, TransientError, WaitError } from '../../../lib/errors';
import { IllegalTransitionError } from '../../../lib/jobs/transitions';
import type { MessageType } from '../../../lib/worker/contract';
import { acceptedRow } from '../../support/accepted-row';
import { envelope, memoryEngine } from '../../support/engine';
import { inState } from '../../support/in-state';
import { sampleContract } from '../../support/sample-contract';

type Engine = ReturnType<typeof memoryEngine>;
const about = { message: 'no', vendor: 'zendesk' } as const;

/** Values by the name of the metric, in order. */
function metricsOf(engine: Engine): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const { name, value } of engine.metrics) found[name] = [...(found[name] ?? []), value];
  return found;
}

test('a success is counted, with the time from the API to its end', async () => {
  const { contract } = sampleContract(() => void engine.clock.advance(2_000));
  const engine: Engine = memoryEngine(() => contract);
  engine.send(envelope());
  engine.clock.advance(3_000);

  await engine.deliver();

  expect(metricsOf(engine)).toEqual({
    ...{ JobsSucceeded: [1], JobsDead: [0], TimeToFinish: [5_000] },
    VendorTime: [2_000],
  });
});

test.each<[string, Error, Record<string, number[]>]>([
  ['permanent', new PermanentError({ ...about, code: 'Rejected', status: 422 }), { JobsSucceeded: [0], JobsDead: [1] }],
  ['wait', new WaitError({ ...about, code: 'Throttled', status: 429, waitMs: 60_000 }), {}],
  ['stop', new StopError({ ...about, code: 'Unauthorized', status: 401 }), {}],
  ['transient', new TransientError({ ...about, code: 'Down' }), { JobsRetried: [1] }],
  ['ambiguous', new AmbiguousError({ ...about, code: 'NoAnswer' }), { JobsRetried: [1] }],
])(
  'a job with an error of class %s is counted by queue, and its log line has the class',
  async (kind, error, counts) => {
    const { contract } = sampleContract(() => {
      throw error;
    });
    const engine = memoryEngine(() => contract);

    await engine.sendAndDeliver(envelope());

    const { JobsSucceeded, JobsDead, JobsRetried } = metricsOf(engine);
    expect(JSON.parse(JSON.stringify({ JobsSucceeded, JobsDead, JobsRetried }))).toEqual(counts);
    expect(engine.lines.at(-1)?.facts).toMatchObject({ queue: 'sample', class: kind });
  },
);

test('an illegal change of a job is refused and counted, for an alarm of its own', async () => {
  const { contract } = sampleContract();
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  const row = { ...acceptedRow(engine.clock.now()), state: inState('dead') };
  engine.deps.ledger.get = () => Promise.reject(new IllegalTransitionError('hold', row));

  await engine.deliver();

  expect(metricsOf(engine)).toEqual({ JobsRetried: [1], IllegalTransitions: [1] });
  expect(engine.lines.at(-1)?.facts).toMatchObject({ code: 'IllegalTransition', jobId: row.id, state: 'dead' });
});

test('the time of a paced job, which waits for its share of a rate, is not measured', async () => {
  const { contract } = sampleContract();
  const [[type = '', of] = []] = Object.entries(contract.types);
  const engine = memoryEngine(() => ({ ...contract, types: { [type]: { ...of, paced: true } as MessageType } }));

  await engine.sendAndDeliver(envelope());

  expect(metricsOf(engine)).toEqual({ JobsSucceeded: [1], JobsDead: [0], VendorTime: [0] });
});

test.each<[string, Error | undefined, string | undefined]>([
  ['answers', undefined, undefined],
  ['refuses this job', new PermanentError({ ...about, code: 'Rejected', status: 422 }), undefined],
  ['asks to wait', new WaitError({ ...about, code: 'Throttled', status: 429, waitMs: 3_600_000 }), undefined],
  ['refuses us', new StopError({ ...about, code: 'Unauthorized', status: 401 }), 'VendorErrors'],
  ['never answers', new AmbiguousError({ ...about, code: 'NoAnswer' }), 'VendorErrors'],
])('a call to a vendor that %s is measured by its time and by its kind of failure', async (_what, error, metric) => {
  const { contract } = sampleContract(() => {
    engine.clock.advance(250);
    if (error) throw error;
  });
  const engine: Engine = memoryEngine(() => contract);

  await engine.sendAndDeliver(envelope());

  const ofVendor = engine.metrics.filter(({ dimensions }) => dimensions.vendor === 'zendesk');
  const names = new Set(ofVendor.map(({ name }) => name));
  expect([...names].sort()).toEqual([...(metric ? [metric] : []), 'VendorTime']);
  expect(ofVendor.find(({ name }) => name === 'VendorTime')?.value).toBe(250);
});

test('metrics use only the dimensions queue and vendor, and none of their values comes from a message', async () => {
  const { contract } = sampleContract(() => {
    throw new PermanentError({ ...about, code: 'Rejected', status: 422 });
  });
  const engine = memoryEngine(() => contract);
  engine.send(envelope());
  engine.send('planted', { group: 'planted' });

  await engine.deliver();
  await engine.reconcile();

  const names = new Set(engine.metrics.flatMap(({ dimensions }) => Object.keys(dimensions)));
  expect([...names].sort()).toEqual(['queue', 'vendor']);
  expect(JSON.stringify(engine.metrics)).not.toContain('planted');
});

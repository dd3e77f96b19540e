import { PermanentError, StoreError } from '../../../lib/errors';
import { envelopeSchema } from '../../../lib/jobs/envelope';
import { newRow } from '../../../lib/jobs/row';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { memoryRandom } from '../../support/memory-clock';
import { sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;
const body = (changes: Record<string, unknown> = {}) => JSON.stringify(anEnvelope({ id: jobId(1), ...changes }));
const traced = { correlationid: 'request-1' };

/** A queue whose jobs answer, or fail with an error. */
function start(fail?: () => Error, options: EngineOptions = {}) {
  const { contract } = sampleContract(() => {
    if (fail) throw fail();
    return { ticketId: '7' };
  });
  return memoryEngine(() => contract, { events: true, ...options });
}

const rejected = () => new PermanentError({ code: 'Rejected', message: 'planted text', field: 'data.subject' });

test('a success is published once, with its result, and is final', async () => {
  const engine = start();

  await engine.sendAndDeliver(body(traced));
  await engine.reconcile();

  const { firstStartedAt = 0, endedAt = 0, time } = engine.row(jobId(1));
  expect(engine.published).toEqual([
    {
      id: `${jobId(1)}:1:succeeded`,
      job: jobId(1),
      queue: 'sample',
      type: 'sample.done.v1',
      generation: 1,
      state: 'succeeded',
      final: true,
      result: { ticketId: '7' },
      correlationId: 'request-1',
      acceptedAt: new Date(time).toISOString(),
      startedAt: new Date(firstStartedAt).toISOString(),
      endedAt: new Date(endedAt).toISOString(),
    },
  ]);
});

test('a dead job is published with the code and field of its error, and is not final', async () => {
  const engine = start(rejected);

  await engine.sendAndDeliver(body());

  expect(engine.published).toMatchObject([
    {
      id: `${jobId(1)}:1:dead`,
      state: 'dead',
      reason: 'error',
      final: false,
      error: { code: 'Rejected', field: 'data.subject' },
    },
  ]);
  expect(JSON.stringify(engine.published)).not.toContain('planted');
});

test('an end whose mark was lost is published again under the same id', async () => {
  let lost = false;
  const engine = start(undefined, {
    before: (call) => {
      if (call === 'events.publish') lost = true;
      else if (lost && call === 'table.put') throw new StoreError({ code: 'DynamoDB.Down', message: 'down' });
    },
  });
  await engine.sendAndDeliver(body());

  lost = false;
  const [first] = engine.published;
  engine.clock.advance(6 * MINUTE);
  await engine.reconcile();

  expect(engine.published.length).toBeGreaterThan(1);
  expect(new Set(engine.published.map((one) => JSON.stringify(one)))).toEqual(new Set([JSON.stringify(first)]));
});

describe('a job that was never sent', () => {
  async function cancelled() {
    const engine = start();
    const envelope = envelopeSchema.parse(anEnvelope());
    const row = newRow({ queue: 'sample', envelope, group: 'g', now: engine.clock.now(), random: memoryRandom(9) });
    await engine.deps.ledger.write(row, 0);
    engine.clock.advance(15 * MINUTE);
    await engine.reconcile();
    return engine;
  }

  test('is published, and again under another id if its message comes after all', async () => {
    const engine = await cancelled();

    await engine.sendAndDeliver(JSON.stringify(anEnvelope()), { of: jobId(1) });

    const ids = engine.published.map(({ id, final }) => [id, final]);
    expect(ids).toEqual([
      [`${jobId(1)}:1:cancelled`, false],
      [`${jobId(1)}:2:succeeded`, true],
    ]);
  });
});

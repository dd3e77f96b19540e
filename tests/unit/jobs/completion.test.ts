import { PermanentError } from '../../../lib/errors';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

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

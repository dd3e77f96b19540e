import { AmbiguousError, PermanentError } from '../../../lib/errors';
import { retry } from '../../../lib/ops/act';
import { anEnvelope, jobId } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

test('a refusal of a later call does not say that an earlier call, which may still arrive, had no effect', async () => {
  let calls = 0;
  const { engine, effects } = sampleEngine(() => {
    calls += 1;
    throw calls === 1
      ? new AmbiguousError({ code: 'TimedOut', message: 'no answer' })
      : new PermanentError({ code: 'Forbidden', message: 'refused' });
  });
  await engine.sendAndDeliver(JSON.stringify(anEnvelope()));
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', steps: { effect: { status: 'started' } } });

  // The first call arrives late, and an operator retries the job.
  effects.push(jobId(1));
  await retry(engine.deps, engine.row(jobId(1)));
  await engine.deliver();

  expect(calls).toBe(2);
  expect(engine.row(jobId(1)).state).toBe('succeeded');
});

test.each([
  ['refuses the request itself, the step names that', 422, { status: 'started', reason: 'ZendeskRejected' }],
  ['forbids it, which may change, the step stays as it was', 403, { status: 'started', startedAt: expect.any(Number) }],
])('if the vendor is down first and then %s', async (_what, status, step) => {
  let calls = 0;
  const { engine } = sampleEngine(() => {
    calls += 1;
    throw calls === 1
      ? new AmbiguousError({ code: 'ZendeskUnavailable', message: '503', vendor: 'zendesk', status: 503 })
      : new PermanentError({ code: 'ZendeskRejected', message: 'refused', vendor: 'zendesk', status });
  });
  await engine.sendAndDeliver(JSON.stringify(anEnvelope()));

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { status } });
  expect(engine.row(jobId(1)).steps.effect).toEqual({ startedAt: expect.any(Number), ...step });
});

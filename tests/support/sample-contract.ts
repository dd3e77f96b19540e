import * as z from 'zod';
import { type Job, messageType, type QueueContract, type RunContext } from '../../lib/engine/worker/contract';
import { PermanentError, StopError, WaitError } from '../../lib/platform/errors';
import { type EngineOptions, jobId, memoryEngine } from './engine';

export const SAMPLE_QUEUE = 'sample';

const sampleSchema = z.strictObject({ name: z.string().max(10).optional() });
type Sample = z.infer<typeof sampleSchema>;

export const sampleOf = <Data>(type: Parameters<typeof messageType<Data>>[0]): QueueContract => ({
  queue: SAMPLE_QUEUE,
  types: { 'sample.done.v1': messageType<Data>(type) },
});

/**
 * A queue with one step. The test decides the effect. Effects are listed by job id. `begins`: the claim starts the
 * step.
 */
export function sampleContract(
  effect: (job: Job<Sample>, context: RunContext) => Promise<unknown> | unknown = () => 'done',
  { begins = false } = {},
) {
  const effects: string[] = [];
  const contract = sampleOf({
    schema: sampleSchema,
    ...(begins ? { first: () => 'effect' } : {}),
    process: (job: Job<Sample>, context) =>
      context.steps.step('effect', {
        resolve: async () => (effects.includes(job.id) ? 'done' : undefined),
        run: () =>
          context.vendor('zendesk', async () => {
            const result = await effect(job, context);
            effects.push(job.id);
            return result;
          }),
      }),
  });
  return { contract, effects };
}

export function sampleEngine(effect?: Parameters<typeof sampleContract>[0], options?: EngineOptions) {
  const { contract, effects } = sampleContract(effect);
  return { engine: memoryEngine(() => contract, options), contract, effects };
}

export function rejects(): never {
  throw new PermanentError({ code: 'Rejected', message: 'rejected' });
}

/** Job 2 is rejected, and Zendesk throttles job 3 and stops job 4. Any other job succeeds. */
export function oneOfEachEnd({ id }: { id: string }) {
  if (id === jobId(2)) throw new PermanentError({ code: 'Rejected', message: 'rejected', field: 'data.name' });
  if (id === jobId(3)) throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 300_000 });
  if (id === jobId(4)) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
  return { ticket: 7 };
}

import * as z from 'zod';
import { mapEach } from '../../lib/concurrency';
import { StoreError } from '../../lib/errors';
import { groupBy } from '../../lib/group-by';
import { IdempotencyConflictError, InvalidJobError, invalid } from '../../lib/submit/errors';
import { type Inputs, type Kind, kinds } from '../../lib/submit/kinds';
import { type SubmitOptions, valid, validOptions } from '../../lib/submit/options';
import { type Accepted, accept, type SubmitDeps, store, type Unsent } from '../../lib/submit/submit';

export type BatchJob = { [K in Kind]: { kind: K; data: Inputs[K]; options?: SubmitOptions | undefined } }[Kind];

/** What happened to one job of a batch. After a StoreError, try that job again with the same key. */
export type BatchResult =
  | { accepted: Accepted; error?: never }
  | { accepted?: never; error: InvalidJobError | IdempotencyConflictError | StoreError };

const AT_ONCE = 25;

/** The functions of kinds.ts check data and options. */
const entrySchema = z.strictObject({
  kind: z.enum(Object.keys(kinds) as [Kind, ...Kind[]]),
  data: z.unknown().optional(),
  options: z.unknown().optional(),
});

/**
 * Accepts many jobs side by side, and those of one message group in their order. If one of them is not sent, the later
 * ones of its group are not either. Each job has its own result, in the order of the jobs. Rejects with an
 * InvalidJobError if `jobs` is no array.
 */
export async function submitBatch(deps: SubmitDeps, jobs: readonly BatchJob[]): Promise<BatchResult[]> {
  if (!Array.isArray(jobs)) throw invalid('jobs', 'must be an array');
  const write = untilTimeOut(store);
  const send = untilTimeOut(deps.queues.send);
  const results: (BatchResult | Unsent)[] = await mapEach(jobs, AT_ONCE, (job) => prepare(deps, job, write));
  const unsent = [...results.entries()].flatMap(([place, one]) => ('message' in one ? [{ ...one, place }] : []));
  const groups = groupBy(unsent, ({ row }) => `${row.queue} ${row.group ?? row.id}`);
  await mapEach([...groups.values()], AT_ONCE, async (group) => {
    let error: StoreError | undefined;
    for (const { place, row, message, sent } of group) {
      const receipt = error ?? (await send(deps.queueUrl(row.queue), message).catch((failure: StoreError) => failure));
      if (receipt instanceof Error) error = receipt;
      results[place] = receipt instanceof Error ? { error: receipt } : { accepted: await sent(receipt) };
    }
  });
  return results as BatchResult[];
}

/** Once all tries of a call have timed out, each other one rejects at once, because it would take as long. */
function untilTimeOut<A extends unknown[], R>(call: (...of: A) => Promise<R>): (...of: A) => Promise<R> {
  let timeOut: StoreError | undefined;
  return async (...of) => {
    if (timeOut) throw timeOut;
    return call(...of).catch((error: unknown) => {
      if (error instanceof StoreError && error.code.endsWith('.TimeoutError')) timeOut = error;
      throw error;
    });
  };
}

async function prepare(deps: SubmitDeps, job: BatchJob, write: typeof store): Promise<BatchResult | Unsent> {
  try {
    const { kind } = valid(entrySchema, job);
    const { data, options = {} } = job;
    return await accept(deps, await kinds[kind](data, validOptions(options), deps), write);
  } catch (error) {
    for (const known of [InvalidJobError, IdempotencyConflictError, StoreError])
      if (error instanceof known) return { error };
    throw error;
  }
}

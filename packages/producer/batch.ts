import * as z from 'zod';
import { mapEach } from '../../lib/concurrency';
import { StoreError } from '../../lib/errors';
import type { BatchQueues } from '../../lib/ports';
import { IdempotencyConflictError, InvalidJobError } from '../../lib/submit/errors';
import { type Inputs, type Kind, kinds } from '../../lib/submit/kinds';
import { type Accepted, accept, type SubmitDeps, type Unsent } from '../../lib/submit/submit';
import { type SubmitOptions, submitOptions, valid } from '../../lib/submit/valid';
import { type BatchSender, createBatchSender } from './batch-sender';

export type BatchJob = { [K in Kind]: { kind: K; data: Inputs[K]; options?: SubmitOptions | undefined } }[Kind];

/** What happened to one job of a batch. After a StoreError, try that job again with the same key. */
export type BatchResult =
  | { accepted: Accepted; error?: never }
  | { accepted?: never; error: InvalidJobError | IdempotencyConflictError | StoreError };

const ROWS_AT_ONCE = 25;

/** The functions of kinds.ts check data and options. */
const entrySchema = z.object({ kind: z.enum(Object.keys(kinds) as [Kind, ...Kind[]]) });

type Prepared = { result: BatchResult } | { unsent: Unsent };

/**
 * Accepts many jobs. It sends their messages in batches of ten, with one entry of a message group in a call, so that
 * the jobs of a group keep their order. It sends only the entries again that failed, and gives up when SQS has taken
 * nothing for ten seconds. Each job has its own result, in the order of the jobs. Rejects with an InvalidJobError if
 * `jobs` is no array.
 */
export async function submitBatch(
  deps: SubmitDeps & { queues: BatchQueues },
  jobs: readonly BatchJob[],
): Promise<BatchResult[]> {
  if (!Array.isArray(jobs)) throw new InvalidJobError([{ field: 'jobs', message: 'jobs: must be an array' }]);
  const prepareDeps = { ...deps, atTable: untilTimeOut() };
  const prepared = await mapEach(jobs, ROWS_AT_ONCE, (job) => prepare(prepareDeps, job));
  const senders = new Map<string, BatchSender>();
  const senderOf = (queue: string): BatchSender => {
    const sender = senders.get(queue) ?? createBatchSender({ ...deps, queueUrl: () => deps.queueUrl(queue) });
    senders.set(queue, sender);
    return sender;
  };
  return Promise.all(
    prepared.map(async (one): Promise<BatchResult> => {
      if ('result' in one) return one.result;
      const { row, message, sent } = one.unsent;
      return senderOf(row.queue)
        .send(row.group ?? row.id, message)
        .then(
          async (receipt) => ({ accepted: await sent(receipt) }),
          (error: StoreError) => ({ error }),
        );
    }),
  );
}

/** Makes calls until all tries of one have timed out. Then it rejects at once, because each call would take as long. */
function untilTimeOut(): NonNullable<SubmitDeps['atTable']> {
  let timeOut: StoreError | undefined;
  return async (call) => {
    if (timeOut) throw timeOut;
    try {
      return await call();
    } catch (error) {
      if (error instanceof StoreError && error.code.endsWith('.TimeoutError')) timeOut = error;
      throw error;
    }
  };
}

async function prepare(deps: SubmitDeps, job: BatchJob): Promise<Prepared> {
  try {
    const { kind } = valid(entrySchema, job);
    const { data, options = {} } = job;
    const decided = await accept(deps, await kinds[kind](data, valid(submitOptions, options), deps));
    return 'accepted' in decided ? { result: decided } : { unsent: decided };
  } catch (error) {
    if (error instanceof InvalidJobError || error instanceof IdempotencyConflictError) return { result: { error } };
    if (error instanceof StoreError) return { result: { error } };
    throw error;
  }
}

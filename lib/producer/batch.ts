import * as z from 'zod';
import { mapEach } from '../concurrency';
import { StoreError } from '../errors';
import { groupBy } from '../group-by';
import type { HashPeople } from '../jobs/person-hash';
import type { BatchQueues } from '../ports';
import { createBatchSender } from './batch-sender';
import { IdempotencyConflictError, InvalidJobError } from './errors';
import { type Inputs, type Kind, kinds } from './kinds';
import { type Accepted, accept, type SubmitDeps, type Unsent } from './submit';
import { type SubmitOptions, valid } from './valid';

/** A job of a batch, with the data of its kind. */
export type BatchJob = { [K in Kind]: { kind: K; data: Inputs[K]; options?: SubmitOptions | undefined } }[Kind];

/** What happened to one job of a batch. After a StoreError, try that job again with the same key. */
export type BatchResult =
  | { accepted: Accepted; error?: never }
  | { accepted?: never; error: InvalidJobError | IdempotencyConflictError | StoreError };

/** The number of rows that are written side by side. */
const ROWS_AT_ONCE = 25;
/** How long messages that SQS does not take are sent again. */
const SEND_TIMEOUT_MS = 10_000;

type BatchDeps = SubmitDeps & { hashPeople: HashPeople };

/** The functions of kinds.ts check data and options. */
const entrySchema = z.object({ kind: z.enum(Object.keys(kinds) as [Kind, ...Kind[]]) });

type Prepared = { result: BatchResult } | { unsent: Unsent };

/**
 * Accepts many jobs. It sends their messages in batches of ten, with one entry of a message group in a call, so that the
 * jobs of a group keep their order. It sends only the entries again that failed. Each job has its own result, in the
 * order of the jobs. Rejects with an InvalidJobError if `jobs` is no array.
 */
export async function submitBatch(
  deps: Omit<BatchDeps, 'queues'> & { queues: SubmitDeps['queues'] & BatchQueues },
  jobs: readonly BatchJob[],
): Promise<BatchResult[]> {
  if (!Array.isArray(jobs)) throw new InvalidJobError([{ field: 'jobs', message: 'jobs: must be an array' }]);
  const prepared = await mapEach(jobs, ROWS_AT_ONCE, (job) => prepare(deps, job));
  const results = prepared.map((one) => ('result' in one ? one.result : undefined));
  const unsent = prepared.flatMap((one, place) => ('unsent' in one ? [{ ...one.unsent, place }] : []));
  const queues = groupBy(unsent, ({ row }) => row.queue);
  await Promise.all(
    [...queues].map(async ([queue, entries]) => {
      const sender = createBatchSender({ ...deps, queueUrl: () => deps.queueUrl(queue), onSent: () => {} });
      const marks: Promise<void>[] = [];
      for (const { place, row, message, sent } of entries)
        void sender.send(row.group ?? row.id, message).then((receipt) => {
          const mark = async () => {
            results[place] = { accepted: await sent(receipt) };
          };
          marks.push(mark());
        });
      await sender.finish(deps.clock.now() + SEND_TIMEOUT_MS);
      await Promise.all(marks);
    }),
  );
  return results.map((result) => result ?? { error: NOT_SENT() });
}

const NOT_SENT = () => new StoreError({ code: 'SQS.NotSent', message: 'SQS did not take the message in time' });

async function prepare(deps: BatchDeps, job: BatchJob): Promise<Prepared> {
  try {
    const { kind } = valid(entrySchema, job);
    const { data, options = {} } = job;
    const decided = await accept(deps, await kinds[kind](data, options, deps));
    return 'accepted' in decided ? { result: decided } : { unsent: decided };
  } catch (error) {
    if (error instanceof InvalidJobError || error instanceof IdempotencyConflictError) return { result: { error } };
    if (error instanceof StoreError) return { result: { error } };
    throw error;
  }
}

import * as z from 'zod';
import { MAX_MESSAGE_BYTES, messageBytes } from '../../lib/engine/jobs/messages';
import { IdempotencyConflictError, InvalidJobError, invalid } from '../../lib/engine/submit/errors';
import { type SubmitOptions, valid, validOptions } from '../../lib/engine/submit/options';
import { type Accepted, accept, type SubmitDeps, store, type Unsent } from '../../lib/engine/submit/submit';
import { mapEach } from '../../lib/platform/concurrency';
import { StoreError } from '../../lib/platform/errors';
import { groupBy } from '../../lib/platform/group-by';
import type { BatchQueues, SentMessage } from '../../lib/platform/ports';
import { tracedSending } from '../../lib/platform/trace';
import { type Inputs, type Kind, kinds } from '../../lib/queues/kinds';
import { MOST_ENTRIES } from './sender';

export type BatchJob = { [K in Kind]: { kind: K; data: Inputs[K]; options?: SubmitOptions | undefined } }[Kind];

/** What happened to one job of a batch. After a StoreError, try that job again with the same key. */
export type BatchResult =
  | { accepted: Accepted; error?: never }
  | { accepted?: never; error: InvalidJobError | IdempotencyConflictError | StoreError };

const AT_ONCE = 25;

export type BatchDeps = SubmitDeps & { queues: BatchQueues };

/** The functions of kinds.ts check data and options. */
const entrySchema = z.strictObject({
  kind: z.enum(Object.keys(kinds) as [Kind, ...Kind[]]),
  data: z.unknown().optional(),
  options: z.unknown().optional(),
});

type Placed = Unsent & { place: number };

/**
 * Accepts many jobs: rows side by side, then messages ten a call, and those of one message group in their order. If one of
 * them is not sent, the later ones of its group are not either. Each job has its own result, in the order of the jobs.
 * Rejects with an InvalidJobError if `jobs` is no array.
 */
export async function submitBatch(deps: BatchDeps, jobs: readonly BatchJob[]): Promise<BatchResult[]> {
  if (!Array.isArray(jobs)) throw invalid('jobs', 'must be an array');
  const write = untilTimeOut(store);
  const send = untilTimeOut((url: string, call: readonly Placed[]) => sendCall(deps.queues, url, call));
  const results: (BatchResult | Unsent)[] = await mapEach(jobs, AT_ONCE, (job) => prepare(deps, job, write));
  const unsent = [...results.entries()].flatMap(([place, one]) => ('message' in one ? [{ ...one, place }] : []));
  let groups = [...groupBy(unsent, ({ row }) => `${row.queue} ${row.group ?? row.id}`).values()];
  // With two entries of a group in one call, the first could fail and the second succeed.
  for (let round = 0; groups.length > 0; round++) {
    const heads = groups.flatMap((group) => group[round] ?? []);
    await mapEach(callsOf(heads), AT_ONCE, async ([first, ...others]) => {
      const call = [first, ...others];
      const receipts = await send(deps.queueUrl(first.row.queue), call).catch((error: StoreError) =>
        call.map(() => error),
      );
      for (const [at, { place, sent }] of call.entries()) {
        const receipt = receipts[at] as SentMessage | StoreError;
        results[place] = receipt instanceof Error ? { error: receipt } : { accepted: await sent(receipt) };
      }
    });
    groups = groups.filter((group) => {
      const { error } = results[group[round]?.place ?? 0] as BatchResult;
      if (error) for (const { place } of group.slice(round + 1)) results[place] = { error };
      return !error && group.length > round + 1;
    });
  }
  return results as BatchResult[];
}

/** Messages of one queue, as many as a call takes. */
function callsOf(heads: readonly Placed[]): [Placed, ...Placed[]][] {
  const calls: [Placed, ...Placed[]][] = [];
  for (const ofQueue of groupBy(heads, ({ row }) => row.queue).values()) {
    let room = 0;
    for (const one of ofQueue) {
      const bytes = messageBytes(one.message);
      const call = calls.at(-1);
      if (call?.[0].row.queue === one.row.queue && call.length < MOST_ENTRIES && bytes <= room) call.push(one);
      else {
        calls.push([one]);
        room = MAX_MESSAGE_BYTES;
      }
      room -= bytes;
    }
  }
  return calls;
}

/** Sends the messages, and those that SQS did not take once more by themselves. SQS knows a repeat by its id. */
async function sendCall(
  queues: BatchDeps['queues'],
  url: string,
  call: readonly Placed[],
): Promise<(SentMessage | StoreError)[]> {
  const messages = call.map(({ message }) => message);
  if (messages.length === 1) return mapEach(messages, 1, (message) => queues.send(url, message));
  const entries = await queues.sendBatch(url, messages);
  return mapEach(messages, AT_ONCE, async (message) => {
    const entry = entries[messages.indexOf(message)];
    if (!entry?.sent) return queues.send(url, message).catch((error: StoreError) => error);
    const { sent: _sent, ...receipt } = entry;
    return receipt;
  });
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

async function prepare(deps: SubmitDeps, given: BatchJob, write: typeof store): Promise<BatchResult | Unsent> {
  try {
    const { kind } = valid(entrySchema, given);
    const { data, options = {} } = given;
    const job = await kinds[kind](data, validOptions(options), deps);
    const create = (traceparent: string | undefined) => accept(deps, { ...job, traceparent }, write);
    return await tracedSending('create', job, create, (made) => ('accepted' in made ? made.accepted : made.row));
  } catch (error) {
    for (const known of [InvalidJobError, IdempotencyConflictError, StoreError])
      if (error instanceof known) return { error };
    throw error;
  }
}

import * as z from 'zod';
import { endsBy, mapEach } from '../../lib/concurrency';
import { codeOf, StoreError } from '../../lib/errors';
import type { Ledger } from '../../lib/jobs/ledger';
import { MAX_MESSAGE_BYTES, messageBytes } from '../../lib/jobs/messages';
import type { BatchEntry, BatchQueues, OutgoingMessage, SentMessage } from '../../lib/ports';
import { IdempotencyConflictError, InvalidJobError, invalid } from '../../lib/submit/errors';
import { type Inputs, type Kind, kinds } from '../../lib/submit/kinds';
import { type SubmitOptions, valid, validOptions } from '../../lib/submit/options';
import { type Accepted, accept, type SubmitDeps, type Unsent } from '../../lib/submit/submit';

export type BatchJob = { [K in Kind]: { kind: K; data: Inputs[K]; options?: SubmitOptions | undefined } }[Kind];

/** What happened to one job of a batch. After a StoreError, try that job again with the same key. */
export type BatchResult =
  | { accepted: Accepted; error?: never }
  | { accepted?: never; error: InvalidJobError | IdempotencyConflictError | StoreError };

const ROWS_AT_ONCE = 25;

/** The functions of kinds.ts check data and options. */
const entrySchema = z.strictObject({
  kind: z.enum(Object.keys(kinds) as [Kind, ...Kind[]]),
  data: z.unknown().optional(),
  options: z.unknown().optional(),
});

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
  if (!Array.isArray(jobs)) throw invalid('jobs', 'must be an array');
  const rows = { ...deps, ledger: untilTimeOut(deps.ledger) };
  const prepared = await mapEach(jobs, ROWS_AT_ONCE, (job) => prepare(rows, job));
  const senders = new Map<string, ReturnType<typeof createBatchSender>>();
  return Promise.all(
    prepared.map(async (one): Promise<BatchResult> => {
      if ('result' in one) return one.result;
      const { row, message, sent } = one.unsent;
      const sender = senders.get(row.queue) ?? createBatchSender({ ...deps, queueUrl: () => deps.queueUrl(row.queue) });
      senders.set(row.queue, sender);
      return sender.send(row.group ?? row.id, message).then(
        async (receipt) => ({ accepted: await sent(receipt) }),
        (error: StoreError) => ({ error }),
      );
    }),
  );
}

/** Once all tries of a write have timed out, each other one rejects at once, because it would take as long. */
function untilTimeOut(ledger: Ledger): Ledger {
  let timeOut: StoreError | undefined;
  return {
    ...ledger,
    write: async (...of) => {
      if (timeOut) throw timeOut;
      return ledger.write(...of).catch((error: unknown) => {
        if (error instanceof StoreError && error.code.endsWith('.TimeoutError')) timeOut = error;
        throw error;
      });
    },
  };
}

async function prepare(deps: SubmitDeps, job: BatchJob): Promise<{ result: BatchResult } | { unsent: Unsent }> {
  try {
    const { kind } = valid(entrySchema, job);
    const { data, options = {} } = job;
    const decided = await accept(deps, await kinds[kind](data, validOptions(options), deps));
    return 'accepted' in decided ? { result: decided } : { unsent: decided };
  } catch (error) {
    for (const known of [InvalidJobError, IdempotencyConflictError, StoreError])
      if (error instanceof known) return { result: { error } };
    throw error;
  }
}

/** SQS's limit for a batch. All its messages together may have as many bytes as a single one. */
const MOST_ENTRIES = 10;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** Callers get an error when SQS has taken nothing for this long. */
const PATIENCE_MS = 10_000;

interface Pending {
  message: OutgoingMessage;
  bytes: number;
  sent: (message: SentMessage) => void;
  failed: (error: StoreError) => void;
}

interface SenderDeps extends Pick<SubmitDeps, 'clock' | 'random' | 'log'> {
  queues: BatchQueues;
  queueUrl: () => string;
  /** Keeps the messages that SQS does not take. `onStuck`: SQS has taken nothing for ten seconds, or for one try more. */
  keep?: { onSent: () => void; onStuck: (error: StoreError) => void };
}

/**
 * Sends messages in batches with at most one entry per group. With two entries the first could fail and the second
 * succeed. A failed message stays the first of its group, and the next call comes after a pause, which grows while SQS
 * takes nothing.
 */
export function createBatchSender({ queues, queueUrl, clock, random, log, keep }: SenderDeps) {
  const groups = new Map<string, Pending[]>();
  let backlog = 0;
  let deadline = Number.POSITIVE_INFINITY;
  let running: Promise<void> | undefined;
  const finished = new AbortController();

  async function run(): Promise<void> {
    let progressAt = clock.now();
    let failures = 0;
    while (groups.size > 0 && clock.now() < deadline) {
      const { taken, code } = await sendBatch();
      if (taken > 0) {
        progressAt = clock.now();
        failures = 0;
      }
      if (code === undefined) continue;
      const stuckAt = progressAt + PATIENCE_MS;
      if (clock.now() >= stuckAt) stuck(code);
      const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS);
      const pause = longest * (0.5 + random.fraction() / 2);
      const ends = [clock.now() + pause, deadline, ...(clock.now() < stuckAt ? [stuckAt] : [])];
      if (groups.size > 0) await clock.sleep(Math.max(1, Math.min(...ends) - clock.now()), finished.signal);
    }
    running = undefined;
  }

  function stuck(code: string): void {
    const error = new StoreError({ code, message: 'SQS has taken no message for ten seconds' });
    if (keep) {
      keep.onStuck(error);
      return;
    }
    for (const { failed } of [...groups.values()].flat()) failed(error);
    groups.clear();
  }

  /** The groups whose first messages fit into a call, the longest unserved first. */
  function nextBatch(): [string, Pending, Pending[]][] {
    const batch: [string, Pending, Pending[]][] = [];
    let bytes = 0;
    for (const [name, waiting] of groups) {
      const [first] = waiting;
      if (!first || bytes + first.bytes > MAX_MESSAGE_BYTES) continue;
      bytes += first.bytes;
      if (batch.push([name, first, waiting]) === MOST_ENTRIES) break;
    }
    return batch;
  }

  /** How many messages SQS took, and why it did not take another. */
  async function sendBatch(): Promise<{ taken: number; code?: string }> {
    const batch = nextBatch();
    const messages = batch.map(([, { message }]) => message);
    const entries = await queues.sendBatch(queueUrl(), messages).catch((error: unknown): BatchEntry[] => {
      return messages.map(() => ({ sent: false, code: codeOf(error) }));
    });
    const codes = new Set<string>();
    for (const [place, [name, first, waiting]] of batch.entries()) {
      const entry = entries[place] as BatchEntry;
      groups.delete(name);
      if (entry.sent) {
        const { sent: _, ...receipt } = entry;
        waiting.shift();
        backlog -= first.bytes;
        first.sent(receipt);
      } else codes.add(entry.code);
      if (waiting.length > 0) groups.set(name, waiting);
    }
    for (const code of codes) log.warn('part of a batch was not sent and will be retried', { code });
    keep?.onSent();
    const [code] = codes;
    return { taken: entries.filter(({ sent }) => sent).length, ...(code !== undefined && { code }) };
  }

  return {
    /**
     * Resolves when SQS has the message. Rejects with a StoreError if SQS has taken nothing for ten seconds. With `keep`
     * it never rejects, because a message is retried until `finish` gives up.
     */
    send: (name: string, message: OutgoingMessage) =>
      new Promise<SentMessage>((sent, failed) => {
        const bytes = messageBytes(message);
        const waiting = groups.get(name) ?? [];
        waiting.push({ message, bytes, sent, failed });
        groups.set(name, waiting);
        backlog += bytes;
        // Messages that are given at once share a call.
        running ??= Promise.resolve().then(run);
      }),
    /** The bytes of all messages that are not sent yet. */
    backlog: () => backlog,
    /** Sends until `end` (ms). Returns unsent messages, in order per group. SQS may have those of a running call. */
    finish: async (end: number): Promise<OutgoingMessage[]> => {
      deadline = end;
      if (running !== undefined) await endsBy(clock, end, running);
      finished.abort();
      return [...groups.values()].flat().map(({ message }) => message);
    },
  };
}

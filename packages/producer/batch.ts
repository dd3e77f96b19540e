import * as z from 'zod';
import { endsBy, mapEach } from '../../lib/concurrency';
import { codeOf, StoreError } from '../../lib/errors';
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
  const prepareDeps = { ...deps, atTable: untilTimeOut() };
  const prepared = await mapEach(jobs, ROWS_AT_ONCE, (job) => prepare(prepareDeps, job));
  const senders = new Map<string, ReturnType<typeof createBatchSender>>();
  const senderOf = (queue: string) => {
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
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;
/** Callers get an error when SQS has taken nothing for this long. */
const PATIENCE_MS = 10_000;
/** SQS may blame the sender for these, but takes the message later. */
const THROTTLED = /Throttl/;

interface Pending {
  message: OutgoingMessage;
  bytes: number;
  sent: (message: SentMessage) => void;
  failed: (error: StoreError) => void;
}

interface Group {
  waiting: Pending[];
  /** How often the first message failed in a row. */
  failures: number;
  /** When the first message may be tried again, ms. */
  retryAt: number;
}

interface SenderDeps extends Pick<SubmitDeps, 'clock' | 'random' | 'log'> {
  queues: BatchQueues;
  queueUrl: () => string;
  /** Keeps the messages that SQS does not take. `onStuck`: SQS has taken nothing for ten seconds, or for one try more. */
  keep?: { onSent: () => void; onStuck: (error: StoreError) => void };
}

/**
 * Sends messages in batches with at most one entry per group. With two entries the first could fail and the second
 * succeed. A failed message stays the first of its group and is retried with growing pauses. Other groups continue.
 */
export function createBatchSender({ queues, queueUrl, clock, random, log, keep }: SenderDeps) {
  const groups = new Map<string, Group>();
  let backlog = 0;
  let deadline = Number.POSITIVE_INFINITY;
  let progressAt = 0;
  let lastCode = '';
  let running: Promise<void> | undefined;
  const finished = new AbortController();

  async function run(): Promise<void> {
    progressAt = clock.now();
    while (groups.size > 0 && clock.now() < deadline) {
      const batch = nextBatch();
      if (batch.length > 0) await sendBatch(batch);
      if (clock.now() >= progressAt + PATIENCE_MS) stuck();
      if (batch.length === 0 && groups.size > 0)
        await clock.sleep(Math.max(1, nextAt() - clock.now()), finished.signal);
    }
    running = undefined;
  }

  function nextAt(): number {
    const stuckAt = progressAt + PATIENCE_MS;
    const times = [deadline, ...[...groups.values()].map(({ retryAt }) => retryAt)];
    return Math.min(...times, ...(stuckAt > clock.now() ? [stuckAt] : []));
  }

  function stuck(): void {
    const error = new StoreError({ code: lastCode, message: 'SQS has taken no message for ten seconds' });
    if (keep) keep.onStuck(error);
    else {
      for (const group of groups.values()) while (group.waiting.length > 0) settle(group)?.failed(error);
      groups.clear();
    }
  }

  /** The groups whose first message may be sent now. A served group moves to the end. */
  function nextBatch(): Group[] {
    const batch: Group[] = [];
    let bytes = 0;
    for (const [name, group] of [...groups]) {
      const [first] = group.waiting;
      if (!first || group.retryAt > clock.now() || bytes + first.bytes > MAX_MESSAGE_BYTES) continue;
      batch.push(group);
      bytes += first.bytes;
      groups.delete(name);
      groups.set(name, group);
      if (batch.length === MOST_ENTRIES) break;
    }
    return batch;
  }

  async function sendBatch(batch: Group[]): Promise<void> {
    const messages = batch.flatMap(({ waiting: [first] }) => (first ? [first.message] : []));
    const entries = await queues.sendBatch(queueUrl(), messages).catch((error: unknown): BatchEntry[] => {
      const code = codeOf(error);
      const { status = 0 } = error instanceof StoreError ? error : {};
      return messages.map(() => ({ sent: false, code, senderFault: status >= 400 && status < 500 }));
    });
    const codes = new Set<string>();
    for (const [index, group] of batch.entries()) {
      const entry = entries[index] ?? { sent: false, code: 'SQS.NoAnswer' };
      if (entry.sent) {
        const { messageId, sequenceNumber } = entry;
        settle(group)?.sent({ messageId, ...(sequenceNumber === undefined ? {} : { sequenceNumber }) });
      } else if (isRefused(entry)) {
        settle(group)?.failed(new StoreError({ code: entry.code, message: 'SQS refused the message' }));
      } else {
        lastCode = entry.code;
        codes.add(lastCode);
        group.failures++;
        const longest = Math.min(FIRST_WAIT_MS * 2 ** (group.failures - 1), LONGEST_WAIT_MS);
        group.retryAt = clock.now() + longest * (0.5 + random.fraction() / 2);
      }
    }
    for (const code of codes) log.warn('part of a batch was not sent and will be retried', { code });
    for (const [name, { waiting }] of [...groups]) if (waiting.length === 0) groups.delete(name);
    keep?.onSent();
  }

  const isRefused = ({ code, senderFault = false }: Extract<BatchEntry, { sent: false }>): boolean =>
    !keep && senderFault && !THROTTLED.test(code);

  /** Takes the first message of a group, which SQS has taken or never will. The next one may follow. */
  function settle(group: Group): Pending | undefined {
    const first = group.waiting.shift();
    group.failures = 0;
    group.retryAt = 0;
    progressAt = clock.now();
    backlog -= first?.bytes ?? 0;
    return first;
  }

  return {
    /**
     * Resolves when SQS has the message. Rejects with a StoreError if SQS refuses it, or has taken nothing for ten
     * seconds. With `keep` it never rejects, because a message is retried until `finish` gives up.
     */
    send: (name: string, message: OutgoingMessage) =>
      new Promise<SentMessage>((sent, failed) => {
        const bytes = messageBytes(message);
        const group = groups.get(name) ?? { waiting: [], failures: 0, retryAt: 0 };
        group.waiting.push({ message, bytes, sent, failed });
        groups.set(name, group);
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
      return [...groups.values()].flatMap(({ waiting }) => waiting.map(({ message }) => message));
    },
  };
}

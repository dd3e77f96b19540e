import { codeOf } from '../errors';
import { MAX_MESSAGE_BYTES, messageBytes } from '../jobs/park';
import type { BatchEntry, BatchQueues, Clock, Log, OutgoingMessage, Random, SentMessage } from '../ports';

/** SQS's limit for a batch. All its messages together may have as many bytes as a single one. */
const MOST_ENTRIES = 10;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;

/** A message that is not sent yet. */
interface Pending {
  message: OutgoingMessage;
  bytes: number;
  sent: (message: SentMessage) => void;
}

interface Group {
  waiting: Pending[];
  /** How often the first message failed in a row. */
  failures: number;
  /** When the first message may be tried again, ms. */
  retryAt: number;
}

export interface BatchSender {
  /** Resolves when SQS has the message. Never rejects, because a message is retried until `finish` gives up. */
  send(group: string, message: OutgoingMessage): Promise<SentMessage>;
  /** The bytes of all messages that are not sent yet. */
  backlog(): number;
  /** Sends until `deadline` (ms) at most. Returns unsent messages, in order inside each group. */
  finish(deadline: number): Promise<OutgoingMessage[]>;
}

/**
 * Sends messages in batches with at most one entry per group. With two entries the first could fail and the second
 * succeed. A failed message stays the first of its group and is retried with growing pauses. Other groups continue.
 */
export function createBatchSender({
  queues,
  queueUrl,
  clock,
  random,
  log,
  onSent,
}: {
  queues: BatchQueues;
  queueUrl: () => string;
  clock: Clock;
  random: Random;
  log: Log;
  /** Called after each batch. */
  onSent: () => void;
}): BatchSender {
  const groups = new Map<string, Group>();
  let backlog = 0;
  let deadline = Number.POSITIVE_INFINITY;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (groups.size > 0 && clock.now() < deadline) {
      const batch = nextBatch();
      if (batch.length > 0) await sendBatch(batch);
      else await clock.sleep(Math.max(1, nextAt() - clock.now()));
    }
    running = undefined;
  }

  const nextAt = () => Math.min(deadline, ...[...groups.values()].map(({ retryAt }) => retryAt));

  /** The groups whose first message may be sent now. A served group moves behind the others. */
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
      return messages.map(() => ({ sent: false, code }));
    });
    const codes = new Set<string>();
    for (const [index, group] of batch.entries()) {
      const entry = entries[index];
      if (entry?.sent) succeeded(group, entry);
      else {
        codes.add(entry?.code ?? 'NoAnswer');
        group.failures++;
        const longest = Math.min(FIRST_WAIT_MS * 2 ** (group.failures - 1), LONGEST_WAIT_MS);
        group.retryAt = clock.now() + longest * (0.5 + random.fraction() / 2);
      }
    }
    for (const code of codes) log.warn('part of a batch was not sent and will be retried', { code });
    for (const [name, { waiting }] of [...groups]) if (waiting.length === 0) groups.delete(name);
    onSent();
  }

  function succeeded(group: Group, { messageId, sequenceNumber }: SentMessage): void {
    const first = group.waiting.shift();
    group.failures = 0;
    group.retryAt = 0;
    if (!first) return;
    backlog -= first.bytes;
    first.sent({ messageId, ...(sequenceNumber === undefined ? {} : { sequenceNumber }) });
  }

  return {
    send: (name, message) =>
      new Promise((resolve) => {
        const bytes = messageBytes(message);
        const group = groups.get(name) ?? { waiting: [], failures: 0, retryAt: 0 };
        group.waiting.push({ message, bytes, sent: resolve });
        groups.set(name, group);
        backlog += bytes;
        // Messages that are given at once share a call.
        running ??= Promise.resolve().then(run);
      }),
    backlog: () => backlog,
    finish: async (end) => {
      deadline = end;
      await running;
      return [...groups.values()].flatMap(({ waiting }) => waiting.map(({ message }) => message));
    },
  };
}

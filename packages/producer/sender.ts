import { MAX_MESSAGE_BYTES, messageBytes } from '../../lib/engine/jobs/messages';
import type { SubmitDeps } from '../../lib/engine/submit/submit';
import { endsBy } from '../../lib/platform/concurrency';
import { codeOf, StoreError } from '../../lib/platform/errors';
import type { BatchEntry, BatchQueues, OutgoingMessage } from '../../lib/platform/ports';

/** SQS's limit for a batch. All its messages together may have as many bytes as a single one. */
export const MOST_ENTRIES = 10;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
const PATIENCE_MS = 10_000;

interface Pending {
  message: OutgoingMessage;
  wave: number;
  bytes: number;
  sent: () => void;
}

/** Messages by their group. `bytes`: of all of them. */
type Unsent = { groups: Map<string, Pending[]>; bytes: number };

interface SenderDeps extends Pick<SubmitDeps, 'clock' | 'random' | 'log'> {
  queues: BatchQueues;
  queueUrl: () => string;
  onSent: () => void;
  /** SQS has taken nothing for ten seconds, or for one try more. */
  onStuck: (error: StoreError) => void;
}

/**
 * Sends messages in batches with at most one entry per group. With two entries the first could fail and the second
 * succeed. A failed message stays the first of its group, and the next call comes after a pause, which grows while SQS
 * takes nothing. No message is given up before `finish`.
 */
export function createBatchSender(deps: SenderDeps) {
  const { clock, random, onStuck } = deps;
  const unsent: Unsent = { groups: new Map(), bytes: 0 };
  let deadline = Number.POSITIVE_INFINITY;
  let running: Promise<void> | undefined;
  let pausing = new AbortController();

  async function run(): Promise<void> {
    let progressAt = clock.now();
    let failures = 0;
    while (unsent.groups.size > 0 && clock.now() < deadline) {
      const { isTaken, code } = await sendBatch(deps, unsent);
      if (isTaken) {
        progressAt = clock.now();
        failures = 0;
      }
      if (code === undefined) continue;
      const stuckAt = progressAt + PATIENCE_MS;
      if (clock.now() >= stuckAt)
        onStuck(new StoreError({ code, message: 'SQS has taken no message for ten seconds' }));
      const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS);
      const pause = longest * (0.5 + random.fraction() / 2);
      const ends = [clock.now() + pause, deadline, ...(clock.now() < stuckAt ? [stuckAt] : [])];
      pausing = new AbortController();
      await clock.sleep(Math.max(1, Math.min(...ends) - clock.now()), pausing.signal);
    }
    running = undefined;
  }

  return {
    /** Resolves when SQS has the message. Messages of a later `wave` wait until SQS has all of this one. */
    send: (name: string, message: OutgoingMessage, wave: number) =>
      new Promise<void>((sent) => {
        const bytes = messageBytes(message);
        const waiting = unsent.groups.get(name) ?? [];
        waiting.push({ message, wave, bytes, sent });
        unsent.groups.set(name, waiting);
        unsent.bytes += bytes;
        // Messages that are given at once share a call.
        running ??= Promise.resolve().then(run);
      }),
    backlog: () => unsent.bytes,
    /** Sends at once, and until `end` (ms). Returns what is unsent, in order. SQS may have that of a running call. */
    finish: async (end: number): Promise<OutgoingMessage[]> => {
      deadline = end;
      pausing.abort();
      if (running !== undefined) await endsBy(clock, end, running);
      pausing.abort();
      return [...unsent.groups.values()].flat().map(({ message }) => message);
    },
  };
}

/** The groups whose first messages are of the oldest wave and fit into a call, the longest unserved first. */
function nextBatch({ groups }: Unsent): [string, Pending, Pending[]][] {
  const batch: [string, Pending, Pending[]][] = [];
  const oldest = Math.min(...[...groups.values()].flatMap(([first]) => first?.wave ?? []));
  let bytes = 0;
  for (const [name, waiting] of groups) {
    const [first] = waiting;
    if (first?.wave !== oldest || bytes + first.bytes > MAX_MESSAGE_BYTES) continue;
    bytes += first.bytes;
    if (batch.push([name, first, waiting]) === MOST_ENTRIES) break;
  }
  return batch;
}

/** Whether SQS took a message, and why it did not take another. */
async function sendBatch({ queues, queueUrl, log, onSent }: SenderDeps, unsent: Unsent) {
  const batch = nextBatch(unsent);
  const messages = batch.map(([, { message }]) => message);
  const none = (error: unknown) => messages.map((): BatchEntry => ({ sent: false, code: codeOf(error) }));
  const entries = await queues.sendBatch(queueUrl(), messages).catch(none);
  for (const [place, [name, first, waiting]] of batch.entries()) {
    unsent.groups.delete(name);
    if (entries[place]?.sent) {
      waiting.shift();
      unsent.bytes -= first.bytes;
      first.sent();
    }
    if (waiting.length > 0) unsent.groups.set(name, waiting);
  }
  const failed = entries.find(({ sent }) => !sent) as { code: string } | undefined;
  if (failed) log.warn('part of a batch was not sent and will be retried', { code: failed.code });
  onSent();
  return { isTaken: entries.some(({ sent }) => sent), code: failed?.code };
}

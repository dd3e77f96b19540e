import { endsBy } from '../../lib/concurrency';
import { StoreError } from '../../lib/errors';
import { createLedger } from '../../lib/jobs/ledger';
import type { BatchQueues, Clock } from '../../lib/ports';
import { prepareUpload, type Upload, type UploadDeps, type UploadInput } from '../../lib/submit/uploads';
import { type BatchJob, type BatchResult, submitBatch } from './batch';
import type { ProducerDeps } from './campaign';
import { type Jobs, jobsOf } from './jobs';
import { type Producer, producerOf } from './producer';
import { CLOSED, createTracker, type PackingLimits, type Tracker } from './tracker';

/** The typed client that an API installs. It connects with its first call. */
export interface ProducerClient extends Producer, Pick<Tracker, 'track' | 'flush'> {
  /** Connects now, so that wrong settings show at the start. Rejects with a ConfigError or a StoreError. */
  ready(): Promise<void>;
  /** Accepts many jobs with few calls to SQS. Each has its own result, in the order of the jobs. */
  batch(jobs: readonly BatchJob[]): Promise<BatchResult[]>;
  attachments: {
    /** A form with which a user uploads one file. Rejects with an InvalidJobError. */
    upload(input: UploadInput): Promise<Upload>;
  };
  jobs: Jobs;
  /**
   * Sends the tracked events and closes all connections. Ends within `timeoutMs` (20,000 by default), calls under way
   * included, and rejects with an UnsentEventsError if SQS may not have all events. A second call ends as the first.
   */
  close(options?: { timeoutMs?: number }): Promise<void>;
}

/** ECS and Kubernetes kill a process 30 seconds after they told it to stop. The rest is for running requests. */
const CLOSE_TIMEOUT_MS = 20_000;

/** What a client works with, on AWS or in memory. */
export interface Connection extends Omit<ProducerDeps, 'ledger'>, UploadDeps {
  queues: ProducerDeps['queues'] & BatchQueues;
  queueNames: readonly string[];
  disconnect(): Promise<void>;
}

/** The client over `connect`, which the first call makes. `clock`: the tracker's, and that of `close`. */
export function clientOf(
  connect: () => Promise<Connection>,
  { analytics, clock, marksAfterAnswer }: { analytics: PackingLimits; clock: Clock; marksAfterAnswer: boolean },
): ProducerClient {
  let closing: Promise<void> | undefined;
  const writes = new Set<Promise<void>>();
  const afterAnswer = (write: Promise<void>) => {
    const settled = write.catch(() => {}).finally(() => writes.delete(settled));
    writes.add(settled);
  };
  const begin = async () => {
    const connection = await connect();
    const deps = { ...connection, ...(marksAfterAnswer ? { afterAnswer } : {}), ledger: createLedger(connection) };
    return { deps, tracker: createTracker({ ...connection, clock }, analytics) };
  };
  let begun: ReturnType<typeof begin> | undefined;
  /** After a failure the next call tries again. */
  const connected = () =>
    (begun ??= begin().catch((error: unknown) => {
      begun = undefined;
      throw error;
    }));
  const open = async () => {
    if (closing !== undefined) throw new StoreError(CLOSED);
    return connected();
  };
  const load = async () => (await open()).deps;
  async function close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<void> {
    const connecting = begun;
    if (!connecting) return;
    const deadline = clock.now() + timeoutMs;
    if (!(await endsBy(clock, deadline, connecting)))
      throw new StoreError({ code: 'Producer.NotConnected', message: 'AWS did not answer before the time-out' });
    const { tracker, deps } = await connecting;
    try {
      await tracker.close({ timeoutMs: deadline - clock.now() });
    } finally {
      await endsBy(clock, deadline, Promise.all(writes));
      await deps.disconnect();
    }
  }

  return {
    ...producerOf(load),
    ready: async () => void (await (await load()).hashPeople()),
    batch: async (jobs) => submitBatch(await load(), jobs),
    track: async (event) => (await open()).tracker.track(event),
    flush: async () => (await open()).tracker.flush(),
    attachments: { upload: async (input) => prepareUpload(await load(), input) },
    jobs: jobsOf(load),
    close: (limits) => (closing ??= close(limits)),
  };
}

import { realClock } from '../../lib/aws/system';
import { endsBy } from '../../lib/concurrency';
import { StoreError } from '../../lib/errors';
import { createLedger } from '../../lib/jobs/ledger';
import type { Log } from '../../lib/ports';
import { prepareUpload, type Upload, type UploadInput } from '../../lib/submit/uploads';
import { type BatchJob, type BatchResult, submitBatch } from './batch';
import { connect, lazily } from './connect';
import { type Jobs, jobsOf } from './jobs';
import { type Producer, producerOf } from './producer';
import { connectionConfig, type ProducerOptions } from './settings';
import { createTracker, type Tracker } from './tracker';

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

/** The caller's log. Its failure must not fail a job, or end the process. */
function harmless(log: Log | undefined): Log {
  const writer =
    (level: keyof Log): Log[typeof level] =>
    (...line) => {
      try {
        log?.[level](...line);
      } catch {
        // The line is lost.
      }
    };
  return { info: writer('info'), warn: writer('warn'), error: writer('error') };
}

/**
 * Makes a producer on AWS. It reads the environment for options that are missing, and makes no call. Throws one
 * ConfigError that names all missing and wrong options. Make one per process, and close it at the end.
 */
export function realProducer(options: ProducerOptions = {}): ProducerClient {
  const config = connectionConfig(options, process.env);
  let closing: Promise<void> | undefined;
  const writes = new Set<Promise<void>>();
  const afterAnswer = (write: Promise<void>) => {
    const settled = write.catch(() => {}).finally(() => writes.delete(settled));
    writes.add(settled);
  };
  // Lambda freezes a process right after its answer.
  const waits = process.env.AWS_LAMBDA_FUNCTION_NAME === undefined ? { afterAnswer } : {};
  const connected = lazily(async () => {
    const connection = await connect(config, harmless(config.log));
    const deps = { ...connection, ...waits, ledger: createLedger(connection) };
    return { deps, tracker: createTracker(connection, config.analytics) };
  });
  const open = async () => {
    if (closing !== undefined) throw new Error('the producer is closed');
    return connected();
  };
  const load = async () => (await open()).deps;
  async function close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<void> {
    if (!connected.started()) return;
    const deadline = realClock.now() + timeoutMs;
    const connecting = connected();
    if (!(await endsBy(realClock, deadline, connecting)))
      throw new StoreError({ code: 'Producer.NotConnected', message: 'AWS did not answer before the time-out' });
    const { tracker, deps } = await connecting;
    await tracker.close({ timeoutMs: deadline - realClock.now() }).finally(async () => {
      await endsBy(realClock, deadline, Promise.all(writes));
      await deps.disconnect();
    });
  }

  return {
    ...producerOf(load),
    ready: async () => void (await (await load()).hashPeople()),
    batch: async (jobs) => submitBatch(await load(), jobs),
    track: async (event) => (await open()).tracker.track(event),
    flush: async () => (await open()).tracker.flush(),
    attachments: { upload: async (input) => prepareUpload(await load(), input) },
    jobs: jobsOf(load),
    close: (limits) => {
      closing ??= close(limits);
      return closing;
    },
  };
}

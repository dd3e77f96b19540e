import { realClock } from '../aws/system';
import { endsBy } from '../concurrency';
import { StoreError } from '../errors';
import { createLedger } from '../jobs/ledger';
import type { Log } from '../ports';
import { type BatchJob, type BatchResult, submitBatch } from './batch';
import { connect, later, lazily } from './connect';
import { createJobs, type Jobs } from './jobs';
import { createProducer, type Producer } from './producer';
import { connectionConfig, type ProducerOptions } from './settings';
import { createTracker, type Tracker } from './tracker';
import { prepareUpload, type Upload, type UploadInput } from './uploads';

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
  /** Looks up jobs. */
  jobs: Jobs;
  /**
   * Sends the tracked events and closes all connections. Ends within `timeoutMs` (20,000 by default), calls under way
   * included, and rejects with an UnsentEventsError if SQS may not have all events. A second call ends as the first.
   */
  close(options?: { timeoutMs?: number }): Promise<void>;
}

/** ECS and Kubernetes kill a process 30 seconds after they told it to stop. The rest is for requests that are running. */
const CLOSE_TIMEOUT_MS = 20_000;

/** The client's functions. They exist before it is connected. */
const KINDS = {
  feedback: true,
  email: true,
  campaign: true,
  invite: true,
  removeTester: true,
  notifyBuild: true,
} as const;
const FUNCTIONS = { ...KINDS, ready: true, batch: true, track: true, flush: true } as const;
const NESTED = {
  campaigns: { pause: true, resume: true, cancel: true, report: true },
  attachments: { upload: true },
  jobs: { get: true, wait: true, cancel: true },
} as const;

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
    const tracker = createTracker(connection, config.analytics);
    const client: Omit<ProducerClient, 'close'> = {
      ...createProducer(deps),
      ready: async () => void (await connection.hashPeople()),
      batch: (jobs) => submitBatch(deps, jobs),
      track: tracker.track,
      flush: tracker.flush,
      attachments: { upload: (input) => prepareUpload(connection, input) },
      jobs: createJobs(deps),
    };
    return { client, connection, tracker };
  });
  const open = async () => {
    if (closing !== undefined) throw new Error('the producer is closed');
    return (await connected()).client;
  };
  async function close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<void> {
    if (!connected.started()) return;
    const deadline = realClock.now() + timeoutMs;
    const connecting = connected();
    if (!(await endsBy(realClock, deadline, connecting)))
      throw new StoreError({ code: 'Producer.NotConnected', message: 'AWS did not answer before the time-out' });
    const { tracker, connection } = await connecting;
    await tracker.close({ timeoutMs: deadline - realClock.now() }).finally(async () => {
      await endsBy(realClock, deadline, Promise.all(writes));
      await connection.disconnect();
    });
  }

  return {
    ...later<Omit<ProducerClient, 'close' | keyof typeof NESTED>>(open, FUNCTIONS),
    campaigns: later(async () => (await open()).campaigns, NESTED.campaigns),
    attachments: later(async () => (await open()).attachments, NESTED.attachments),
    jobs: later(async () => (await open()).jobs, NESTED.jobs),
    close: (limits) => {
      closing ??= close(limits);
      return closing;
    },
  };
}

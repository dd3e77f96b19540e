import * as z from 'zod';
import { endsBy } from '../../lib/concurrency';
import type { CampaignInput } from '../../lib/emails/message';
import { type CampaignControl, campaignControl } from '../../lib/emails/report';
import { StoreError } from '../../lib/errors';
import { createLedger } from '../../lib/jobs/ledger';
import type { BatchQueues, Clock } from '../../lib/ports';
import { type Inputs, type Kind, kinds } from '../../lib/submit/kinds';
import { askedId, type SubmitOptions, valid, validOptions } from '../../lib/submit/options';
import { type Accepted, submit } from '../../lib/submit/submit';
import { prepareUpload, type Upload, type UploadDeps, type UploadInput } from '../../lib/submit/uploads';
import { type BatchJob, type BatchResult, submitBatch } from './batch';
import { type AcceptedCampaign, type ProducerDeps, type RecipientSource, submitCampaign } from './campaign';
import { type Jobs, jobsOf } from './jobs';
import { CLOSED, createTracker, type PackingLimits, type Tracker } from './tracker';

/**
 * The typed client that an API imports, with one function per kind of job. Every function rejects with an
 * InvalidJobError (400), an IdempotencyConflictError (409) or a StoreError (503, try again with the same key).
 */
export interface JobProducer extends Submitting {
  /** Sends one mail to many people. The answer's `id` is the campaign's. */
  campaign(campaign: CampaignInput, recipients: RecipientSource, options?: SubmitOptions): Promise<AcceptedCampaign>;
  /** Pauses, resumes, cancels and reports campaigns. */
  campaigns: CampaignControl;
}

type Submitting = { [K in keyof Inputs]: (data: Inputs[K], options?: SubmitOptions) => Promise<Accepted> };

/** The client over AWS. It connects with its first call. */
export interface Producer extends JobProducer, Pick<Tracker, 'track' | 'flush'> {
  /** Connects now, so that wrong settings show at the start. Rejects with a ConfigError or a StoreError. */
  ready(): Promise<void>;
  /** Accepts many jobs. Each has its own result, in the order of the jobs. */
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

export const createProducer = (deps: ProducerDeps): JobProducer => producerOf(async () => deps);

export function producerOf(load: () => Promise<ProducerDeps>): JobProducer {
  const submitting =
    (kind: Kind) =>
    async (input: unknown, options: SubmitOptions = {}): Promise<Accepted> => {
      const deps = await load();
      return submit(deps, await kinds[kind](input, validOptions(options), deps));
    };
  const control = async () => campaignControl(await load());
  const checked = (id: string) => valid(z.object({ id: askedId }), { id }).id;
  const each = (Object.keys(kinds) as Kind[]).map((kind) => [kind, submitting(kind)]);
  return {
    ...(Object.fromEntries(each) as Submitting),
    campaign: async (input, source, options = {}) => submitCampaign(await load(), { input, source, options }),
    campaigns: {
      pause: async (id) => (await control()).pause(checked(id)),
      resume: async (id) => (await control()).resume(checked(id)),
      cancel: async (id) => (await control()).cancel(checked(id)),
      report: async (id) => (await control()).report(checked(id)),
    },
  };
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
): Producer {
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

import { patiently } from '../../lib/engine/jobs/items';
import { jobKey } from '../../lib/engine/jobs/keys';
import { createLedger } from '../../lib/engine/jobs/ledger';
import { type SubmitOptions, validOptions } from '../../lib/engine/submit/options';
import { type Accepted, submit } from '../../lib/engine/submit/submit';
import { suppressKey } from '../../lib/mail/suppression';
import { endsBy } from '../../lib/platform/concurrency';
import { codeOf, StoreError } from '../../lib/platform/errors';
import type { BatchQueues } from '../../lib/platform/ports';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import type { CampaignInput } from '../../lib/queues/emails/message';
import { type Inputs, type Kind, kinds } from '../../lib/queues/kinds';
import { prepareUpload, type Upload, type UploadDeps, type UploadInput } from '../../lib/queues/uploads';
import { type BatchJob, type BatchResult, submitBatch } from './batch';
import { type Call, type CallLimits, createCalls, limitsOf } from './calls';
import {
  type AcceptedCampaign,
  type CampaignControl,
  type CampaignPreview,
  campaignControl,
  type ListOptions,
  type PreviewOptions,
  type ProducerDeps,
  previewCampaign,
  type RecipientSource,
  submitCampaign,
} from './campaign';
import { type Jobs, jobsOf, waiting } from './jobs';
import { type Suppression, type SuppressionDeps, suppressionOf } from './suppression';
import { CLOSED, createTracker, type PackingLimits, type RejectionOptions, rejections, type Tracker } from './tracker';

/**
 * The typed client that an API imports, with one function per kind of job. Every function rejects with an
 * InvalidJobError (400), an IdempotencyConflictError (409) or a StoreError (503, try again with the same key).
 */
interface Sending extends Submitting {
  /** Sends one mail to many people. The answer's `id` is the campaign's. */
  campaign(
    campaign: CampaignInput,
    recipients: RecipientSource,
    options?: ListOptions & CallLimits,
  ): Promise<AcceptedCampaign>;
  /** Shows what recipients of a campaign would read, and how it would be accepted. It stores and sends nothing. */
  previewCampaign(
    campaign: CampaignInput,
    recipients: RecipientSource,
    options?: PreviewOptions,
  ): Promise<CampaignPreview>;
}

/** The options of a job and the limits of the call that sends it. */
export type CallOptions = SubmitOptions & CallLimits;

type Submitting = { [K in keyof Inputs]: (data: Inputs[K], options?: CallOptions) => Promise<Accepted> };

/** The client over AWS. It connects with its first call. */
export interface Producer extends Sending, Suppression, Pick<Tracker, 'track' | 'flush'> {
  /**
   * Connects now, and tries whether this client may write rows and send messages. It stores and sends nothing. Rejects with
   * a ConfigError, or with a StoreError whose code names the service and its refusal.
   */
  ready(limits?: CallLimits): Promise<void>;
  /**
   * Accepts many jobs. Each has its own result, in the order of the jobs. It has no time-out of its own: with `timeoutMs`
   * or `signal`, the jobs that are left at its end have a StoreError as their result.
   */
  batch(jobs: readonly BatchJob[], limits?: CallLimits): Promise<BatchResult[]>;
  attachments: {
    /** A form with which a user uploads one file. Rejects with an InvalidJobError. */
    upload(input: UploadInput, limits?: CallLimits): Promise<Upload>;
  };
  jobs: Jobs;
  /** Pauses, resumes, cancels and reports campaigns. */
  campaigns: CampaignControl;
  /**
   * Takes no more calls, waits for those under way, sends the tracked events and closes all connections. Ends within
   * `timeoutMs` (20,000 by default): then calls under way reject. It rejects with an UnsentEventsError if SQS may not have all events. A second call ends as the first.
   */
  close(options?: { timeoutMs?: number }): Promise<void>;
}

export function createProducer(deps: ProducerDeps): Sending {
  const submitting =
    (kind: Kind) =>
    async (input: unknown, options: SubmitOptions = {}): Promise<Accepted> =>
      submit(deps, await kinds[kind](input, validOptions(options), deps));
  return {
    ...(ofKinds(submitting) as Submitting),
    campaign: (input, source, options = {}) => submitCampaign(deps, { input, source, options }),
    previewCampaign: (input, source, options = {}) => previewCampaign(deps, { input, source, options }),
  };
}

/** A function for each kind of job that is one message. */
export const ofKinds = (make: (kind: Kind) => unknown): object =>
  Object.fromEntries((Object.keys(kinds) as Kind[]).map((kind) => [kind, make(kind)]));

/** ECS and Kubernetes kill a process 30 seconds after they told it to stop. The rest is for running requests. */
const CLOSE_TIMEOUT_MS = 20_000;

/** What a client works with, on AWS or in memory. */
export interface Connection extends Omit<ProducerDeps, 'ledger'>, UploadDeps, Pick<SuppressionDeps, 'suppression'> {
  queues: ProducerDeps['queues'] & BatchQueues;
  queueNames: readonly string[];
  disconnect(): Promise<void>;
}

interface ClientOptions extends RejectionOptions {
  analytics: PackingLimits;
  marksAfterAnswer: boolean;
}

/** The connection, the tracker over it, and the `writes` that mark rows as sent after an answer. */
async function begin(connect: () => Promise<Connection>, { analytics, clock, marksAfterAnswer }: ClientOptions) {
  const connection = await connect();
  const writes = new Set<Promise<void>>();
  const afterAnswer = (write: Promise<void>) => {
    const settled = write.catch(() => {}).finally(() => writes.delete(settled));
    writes.add(settled);
  };
  const tracker = createTracker({ ...connection, clock }, analytics);
  return { connection, tracker, writes, marks: marksAfterAnswer ? { afterAnswer } : {} };
}

type Deps = Connection & Pick<ProducerDeps, 'ledger'>;
type Begun = Awaited<ReturnType<typeof begin>>;

/** What the functions of a client share: a connection, which the first call makes, turns, limits and an end. */
function createCaller(connect: () => Promise<Connection>, options: ClientOptions) {
  let closing: Promise<void> | undefined;
  let begun: Promise<Begun> | undefined;
  const { clock } = options;
  const calls = createCalls(clock);
  const refusals = rejections(options);
  /** After a failure the next call tries again. */
  const connected = () =>
    (begun ??= begin(connect, options).catch((error: unknown) => {
      begun = undefined;
      throw error;
    }));
  const open = () => {
    if (closing !== undefined) throw new StoreError(CLOSED);
    return connected();
  };
  /** A function that waits for its turn, with limits among its options: the argument with this number. */
  const limited =
    <A extends unknown[], R>(make: (deps: Deps) => (...given: A) => Promise<R>, place: number, longest?: number) =>
    async (...given: A): Promise<R> => {
      if (closing !== undefined) throw new StoreError(CLOSED);
      const { limits, rest } = limitsOf(given[place] ?? {});
      const without = given.map((one, at) => (at === place ? rest : one)) as A;
      return calls.run({ ...limits, timeoutMs: limits.timeoutMs ?? longest }, async (call) =>
        make(within(call, await call.during(connected)))(...without),
      );
    };
  async function close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<void> {
    const connecting = begun;
    const deadline = clock.now() + timeoutMs;
    refusals.end();
    const ended = calls.end(deadline);
    if (!connecting) return ended;
    if (!(await endsBy(clock, deadline, connecting)))
      throw new StoreError({ code: 'Producer.NotConnected', message: 'AWS did not answer before the time-out' });
    const { tracker, connection, writes } = await connecting;
    try {
      await Promise.all([tracker.close({ timeoutMs: deadline - clock.now() }), ended]);
    } finally {
      await ended;
      await endsBy(clock, deadline, Promise.all(writes));
      await connection.disconnect();
    }
  }
  return { open, limited, refusals, close: (limits?: { timeoutMs?: number }) => (closing ??= close(limits)) };
}

/** The client over `connect`, which the first call makes. `clock`: the tracker's, and that of `close`. */
export function clientOf(connect: () => Promise<Connection>, options: ClientOptions): Producer {
  const { open, limited, refusals, close } = createCaller(connect, options);
  const tracker = async () => (await open()).tracker;
  const get = limited((deps) => jobsOf(deps).get, 1);
  return {
    ...(ofKinds((kind) => limited((deps) => createProducer(deps)[kind] as Producer['email'], 1)) as Submitting),
    suppress: limited((deps) => suppressionOf(deps).suppress, 1),
    unsuppress: limited((deps) => suppressionOf(deps).unsuppress, 1),
    isSuppressed: limited((deps) => suppressionOf(deps).isSuppressed, 1),
    campaign: limited((deps) => createProducer(deps).campaign, 2, ENDLESS),
    previewCampaign: limited((deps) => createProducer(deps).previewCampaign, 2, ENDLESS),
    campaigns: {
      pause: limited((deps) => campaignControl(deps).pause, 1),
      resume: limited((deps) => campaignControl(deps).resume, 1),
      cancel: limited((deps) => campaignControl(deps).cancel, 1),
      report: limited((deps) => campaignControl(deps).report, 1, ENDLESS),
    },
    ready: limited((deps) => (_limits?: CallLimits) => probe(deps), 0),
    batch: limited((deps) => (jobs, _limits) => submitBatch(deps, jobs), 1, ENDLESS),
    track: (event) => {
      const taken = (async () => (await tracker()).track(event))();
      // A caller who does not await it must not end the process.
      taken.catch((error: Error) => refusals.note(error, event));
      return taken;
    },
    flush: async () => (await tracker()).flush(),
    attachments: { upload: limited((deps) => (input, _limits) => prepareUpload(deps, input), 1) },
    jobs: {
      get,
      cancel: limited((deps) => jobsOf(deps).cancel, 1),
      wait: async (id, options) => waiting(get, (await open()).connection.clock)(id, options),
    },
    close,
  };
}

/** Large work has no time-out of its own. */
const ENDLESS = 2 ** 31 - 1;

/** What one call works with. What it has not begun when it is over, is not done. */
function within({ during, over }: Call, { connection, marks }: Begun): Deps {
  const { table, queues, objects, clock, hashPeople } = connection;
  const deps: Connection = {
    ...connection,
    ...marks,
    clock: { ...clock, sleep: (ms) => clock.sleep(ms, over) },
    hashPeople: () => during(hashPeople),
    table: {
      ...table,
      get: (key) => during(() => table.get(key)),
      // A new row takes no effect: without a message, the reconciler cancels its job.
      put: (item, expected) =>
        during(
          () => table.put(item, expected),
          expected > 0 || item.key.startsWith(suppressKey('')) ? item.key : undefined,
        ),
    },
    queues: {
      ...queues,
      send: (url, message) => during(() => queues.send(url, message), message),
      sendBatch: (url, messages) => during(() => queues.sendBatch(url, messages), messages),
    },
    objects: {
      put: (...given) => during(() => objects.put(...given)),
      get: (key) => during(() => objects.get(key)),
      size: (key) => during(() => objects.size(key)),
      list: (...given) => during(() => objects.list(...given)),
    },
  };
  return { ...deps, ledger: createLedger(deps) };
}

/** Tries each permission that a job needs, without an effect. A failure that may pass is tried again. */
async function probe(connection: Connection): Promise<void> {
  const { hashPeople, table, queues, queueNames, queueUrl } = connection;
  await hashPeople();
  await Promise.all(
    queueNames.map(async (queue) => {
      const isEmpty = (error: unknown) => codeOf(error).endsWith('EmptyBatchRequest');
      await patiently(connection, () =>
        queues.sendBatch(queueUrl(queue), []).catch((error: unknown) => {
          if (!isEmpty(error)) throw error;
        }),
      );
      if (queue === ANALYTICS_QUEUE) return;
      // No item has this version, so nothing is written.
      await patiently(connection, () => table.put({ key: jobKey(queue, 'ready'), version: 0, writer: '' }, -1));
    }),
  );
}

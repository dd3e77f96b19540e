import { randomUUID } from 'node:crypto';
import type { Envelope } from '../../lib/engine/jobs/envelope';
import { bodyKey, jobKey } from '../../lib/engine/jobs/keys';
import { createLedger } from '../../lib/engine/jobs/ledger';
import { personHashes } from '../../lib/engine/jobs/person-hash';
import { isEnd, type JobRow } from '../../lib/engine/jobs/row';
import { claim, park, release, succeed } from '../../lib/engine/jobs/transitions';
import type { SubmitOptions } from '../../lib/engine/submit/options';
import type { Accepted } from '../../lib/engine/submit/submit';
import { suppressionList } from '../../lib/mail/suppression';
import { realClock, realRandom } from '../../lib/platform/aws/system';
import { StoreError } from '../../lib/platform/errors';
import type { BatchQueues, Item, Objects, OutgoingMessage, Queues, Table } from '../../lib/platform/ports';
import type { AnalyticsEvent } from '../../lib/queues/analytics/message';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import { campaigns } from '../../lib/queues/emails/campaigns/campaign';
import { type CampaignInput, type CampaignJob, EMAIL_CAMPAIGN } from '../../lib/queues/emails/message';
import { EMAILS_QUEUE } from '../../lib/queues/emails/queue';
import { FEEDBACK_QUEUE } from '../../lib/queues/feedback/queue';
import type { Kind, Results } from '../../lib/queues/kinds';
import { TESTFLIGHT_QUEUE } from '../../lib/queues/testflight/queue';
import type { UploadInput } from '../../lib/queues/uploads';
import type { BatchJob, BatchResult } from './batch';
import { limitsOf } from './calls';
import { type Connection, clientOf, ofKinds, type Producer } from './client';
import type { JobStatus } from './jobs';
import type { ProducerOptions } from './real-producer';
import { packingLimits } from './tracker';

/** An accepted job, planned ones included, with what the caller gave. `recipients`: how many a campaign has. */
export type SentJob = { id: string; time: string } & (
  | BatchJob
  | { kind: 'campaign'; data: CampaignInput; options?: SubmitOptions | undefined; recipients: number }
);

export type Sent =
  | SentJob
  | { kind: 'event'; data: AnalyticsEvent; time: string }
  | { kind: 'upload'; data: UploadInput; key: string; time: string };

/**
 * A producer in memory. Validation, ids, errors, keys and states are those of production, because it is the same code.
 * No worker runs: a job stays as it is until the test ends it.
 */
export interface TestProducer extends Producer {
  /** What the code under test has sent, in order. A repeat of a key sends nothing. */
  readonly sent: readonly Sent[];
  /** Makes the next call reject, by default with a StoreError. In `batch` a StoreError is the first job's result. */
  failNext(error?: Error): void;
  /** Ends a job as succeeded. A campaign starts, but sends no mail. Rejects if there is no such job, or if it ended. */
  complete(id: string, result?: Results[keyof Results]): Promise<void>;
  /** Ends a job as dead. Rejects as `complete` does. */
  fail(id: string, error?: NonNullable<JobStatus['error']>): Promise<void>;
  /** Puts an object into the bucket, as a user does with the form of `attachments.upload`. */
  upload(key: string, body: string | Uint8Array): Promise<void>;
}

const UNAVAILABLE = { code: 'SQS.ServiceUnavailable', message: 'SQS SendMessage failed' };
const REFUSED = { code: 'Refused', message: 'the vendor refused the job' };

/** What a producer needs of AWS, in the memory of the process. `bodies`: of all messages that SQS would have. */
function inMemory(ownFiles: boolean) {
  const items = new Map<string, string>();
  const objects = new Map<string, Uint8Array>();
  const bodies: string[] = [];
  const take = ({ body, groupId }: OutgoingMessage) => {
    const sequence = groupId === undefined ? {} : { sequenceNumber: String(bodies.push(body)).padStart(20, '0') };
    return { messageId: randomUUID(), ...sequence };
  };
  const stored = (key: string) => JSON.parse(items.get(key) ?? 'null') as Item | null;
  const table: Partial<Table> = {
    get: async (key) => stored(key) ?? undefined,
    put: async (item, expected) => {
      if ((stored(item.key)?.version ?? 0) !== expected) return 'conflict';
      items.set(item.key, JSON.stringify(item));
      return 'written';
    },
  };
  const queues: Partial<Queues> & BatchQueues = {
    send: async (_url, message) => take(message),
    sendBatch: async (_url, messages) => messages.map((message) => ({ sent: true, ...take(message) })),
  };
  const hashPeople = personHashes(async () => 'the hash key of a producer in memory', realClock);
  const connection: Connection = {
    // Only workers, the reconciler and operators call the rest.
    table: table as Table,
    queues: queues as Queues & BatchQueues,
    clock: realClock,
    objects: {
      put: async (key, body) => void objects.set(key, Buffer.from(body)),
      get: async (key) => objects.get(key),
      size: async (key) => objects.get(key)?.length,
      list: async (prefix) => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
    },
    readObject: async function* (key) {
      yield objects.get(key) ?? new Uint8Array();
    },
    random: realRandom,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    hashPeople,
    // What it notes never comes into the list, which is empty.
    suppression: suppressionList({
      objects: { readChanged: async () => undefined } as unknown as Objects,
      prefix: 'jobs',
      hashPeople,
    }),
    prefix: 'jobs',
    ownFiles,
    source: '/test/api',
    emailRate: 100,
    settings: () => ({ type: 'fifo', retention: 14 * 24 * 60 * 60 }),
    queueNames: [FEEDBACK_QUEUE, EMAILS_QUEUE, TESTFLIGHT_QUEUE, ANALYTICS_QUEUE],
    queueUrl: (queue) => `https://sqs.example.com/${queue}.fifo`,
    sign: async ({ key, contentType }) => ({
      url: 'https://bucket.example.com',
      fields: { key, 'Content-Type': contentType },
    }),
    disconnect: async () => {},
  };
  return { connection, items, bodies };
}

/** Ends jobs, as workers do. */
function workerOf({ connection, items, bodies }: ReturnType<typeof inMemory>): Pick<TestProducer, 'complete' | 'fail'> {
  const deps = { ...connection, ledger: createLedger(connection) };
  async function end(id: string, ended: (row: JobRow, run: { at: number; messageId: string }) => JobRow) {
    const key = deps.queueNames.map((queue) => jobKey(queue, id)).find((one) => items.has(one));
    if (key === undefined) throw new Error(`there is no job ${id}`);
    const at = Date.now();
    const messageId = `run of ${id}`;
    const lease = { token: messageId, until: at, messageId };
    const delivery = { messageId, receiveCount: 1, sentAt: at, at };
    const { item } = await deps.ledger.update(key, (row) => {
      if (isEnd(row.state)) throw new Error(`cannot end a job that is ${row.state}`);
      const open = row.state === 'held' ? release(row, at) : row;
      return ended(claim(open, { at, delivery, lease }), { at, messageId });
    });
    return item;
  }

  async function start({ id, time }: JobRow): Promise<void> {
    // The body of a planned job is kept, and never sent.
    const kept = (await deps.objects.get(bodyKey(deps.prefix, EMAILS_QUEUE, id))) ?? 'null';
    const envelopes = [...bodies, Buffer.from(kept).toString()].map((body) => JSON.parse(body) as Envelope | null);
    const { source, data } = envelopes.find((one) => one?.id === id) as Envelope;
    const { sendAt, ...plan } = data as CampaignJob;
    const startsAt = sendAt === undefined ? time : Date.parse(sendAt);
    await campaigns(deps).start({ ...plan, id, source, time, startsAt });
  }

  return {
    async complete(id, result) {
      const row = await end(id, (claimed, run) => succeed(claimed, { ...run, result }));
      if (row?.type === EMAIL_CAMPAIGN) await start(row);
    },
    async fail(id, error = REFUSED) {
      const stored = { class: 'permanent' as const, ...error };
      const dead = { error: stored, reason: 'error' as const, counts: true, bodyKept: false };
      await end(id, (claimed, run) => park(claimed, { ...run, ...dead }));
    },
  };
}

/** A function of the client that can be made to fail. `note` gets its answer, then what it was given. */
const failable =
  (failures: Error[]) =>
  <A extends unknown[], R>(act: (...given: A) => Promise<R>, note?: (answer: R, ...given: A) => unknown) =>
  async (...given: A): Promise<R> => {
    const failure = failures.shift();
    if (failure) throw failure;
    const answer = await act(...given);
    note?.(answer, ...given);
    return answer;
  };

/** `ownFiles`: as the option of `createProducer`. */
export function createTestProducer({ ownFiles = false }: Pick<ProducerOptions, 'ownFiles'> = {}): TestProducer {
  const sent: Sent[] = [];
  const failures: Error[] = [];
  // Nothing waits. Events are packed at `flush` and `close` only.
  const clock = { now: () => Date.now(), sleep: () => new Promise<void>(() => {}) };
  const memory = inMemory(ownFiles);
  const client = clientOf(async () => memory.connection, {
    analytics: packingLimits.parse({}),
    clock,
    marksAfterAnswer: false,
  });

  const call = failable(failures);
  const calls = <T extends object>(functions: T): T =>
    Object.fromEntries(Object.entries(functions).map(([name, act]) => [name, call(act)])) as T;

  const note = (what: object) =>
    sent.push(JSON.parse(JSON.stringify({ time: new Date().toISOString(), ...what })) as Sent);
  const noteJob = (
    { id, time, duplicate }: Accepted,
    job: { options?: object | undefined; [field: string]: unknown },
  ) => duplicate || note({ ...job, ...(job.options && { options: limitsOf(job.options).rest }), id, time });

  const submitting = (kind: Kind) =>
    call(client[kind] as Producer['email'], (accepted, data, options) => noteJob(accepted, { kind, data, options }));

  const { previewCampaign, ready, flush, suppress, unsuppress, isSuppressed } = client;
  return {
    ...client,
    ...(ofKinds(submitting) as Pick<Producer, Kind>),
    campaign: call(client.campaign, (accepted, data, _recipients, options) =>
      noteJob(accepted, { kind: 'campaign', data, options, recipients: accepted.recipients }),
    ),
    async batch(jobs, limits) {
      const failure = failures.shift();
      const first: BatchResult[] = failure instanceof StoreError ? [{ error: failure }] : [];
      if (failure && first.length === 0) throw failure;
      const rest = Array.isArray(jobs) ? jobs.slice(first.length) : jobs;
      const results = [...first, ...(await client.batch(rest, limits))];
      for (const [place, { accepted }] of results.entries()) if (accepted) noteJob(accepted, jobs[place] as BatchJob);
      return results;
    },
    track: call(client.track, (_, event) => note({ kind: 'event', data: event })),
    attachments: {
      upload: call(client.attachments.upload, ({ key }, input) => note({ kind: 'upload', data: input, key })),
    },
    ...calls({ previewCampaign, ready, flush, suppress, unsuppress, isSuppressed }),
    campaigns: calls(client.campaigns),
    jobs: calls(client.jobs),
    sent,
    failNext: (error = new StoreError(UNAVAILABLE)) => void failures.push(error),
    ...workerOf(memory),
    upload: (key, body) => memory.connection.objects.put(key, body, 'application/octet-stream'),
  };
}

import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { parseEnvelope } from '../../lib/engine/jobs/envelope';
import { jobKey, queueUrl } from '../../lib/engine/jobs/keys';
import { createLedger } from '../../lib/engine/jobs/ledger';
import { tokenOf } from '../../lib/engine/jobs/messages';
import { type JobRow, newRow } from '../../lib/engine/jobs/row';
import type { FactMessage } from '../../lib/engine/reconcile/facts';
import { reconcile } from '../../lib/engine/reconcile/reconcile';
import { handleBatch } from '../../lib/engine/worker/batch';
import { circuitBreakers } from '../../lib/engine/worker/circuit';
import type { QueueContract } from '../../lib/engine/worker/contract';
import { HOLDS_BY_SETTING } from '../../lib/mail/rate';
import type { OperatorDeps } from '../../lib/operate/ops/operator';
import { toSqs } from '../../lib/platform/aws/sqs-messages';
import type { QueueSettings } from '../../lib/platform/config/functions';
import { isBug } from '../../lib/platform/errors';
import type { Clock, Completion, Events, Facts, Item, Objects, Random, Table } from '../../lib/platform/ports';
import type { CampaignSettings } from '../../lib/queues/emails/reconcile';
import { MAIL_STEPS, publishedOnly, VENDORS } from '../../lib/queues/queues';
import { queueWorks } from '../../lib/queues/works';
import { recordOf } from '../../packages/local/event-source-mapping';
import { createSqsModel } from '../../packages/local/sqs/model';
import type { SqsModelOptions } from '../../packages/local/sqs/queue';
import { hashPeople } from './hash-people';
import { type MemoryClock, memoryClock, memoryRandom } from './memory-clock';
import { memoryObjects } from './memory-objects';
import { memoryQueues } from './memory-queues';
import { memoryTable, type Used } from './memory-table';
import { createQueuePair, fifoSettings } from './queue-pair';

export const INSTANCE = 'my';
const REGION = 'us-east-1';
const ACCOUNT = '000000000000';
export const PREFIX = 'jobs';
export const BUCKET = 'my-bucket';

export const jobId = (n: number): string => `0190a1b2-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

export interface EngineOptions {
  settings?: Partial<QueueSettings>;
  timeoutMs?: number;
  groupOrder?: SqsModelOptions['groupOrder'];
  events?: true;
  /** From how many entries on the alarm about the DLQ fires. */
  dlqDepth?: number;
  clock?: MemoryClock;
  random?: Random;
  /** Called with the table's used capacity units. */
  used?: (use: Used) => void;
  /** Runs before every call of a function. It may throw, count or never answer. `about`: the first argument. */
  before?: (call: string, about: unknown) => Promise<void> | void;
  after?: (call: string) => Promise<void> | void;
}

/**
 * One queue with its DLQ, table and bucket in memory. Options watch the calls of the contract too. The test moves the
 * clock, sends messages, decides when a batch runs, and can read all stored data.
 */
export function memoryEngine(
  makeContract: (ports: { objects: Objects; table: Table; clock: Clock; random: Random }) => QueueContract,
  options: EngineOptions = {},
) {
  const { clock = memoryClock(), random = memoryRandom(), used, groupOrder } = options;
  const table = memoryTable({ used });
  const objects = memoryObjects();
  const watched = <T extends object>(port: T, name: string): T => watch(port, name, options);
  const ports = { table: watched(table, 'table'), clock, random };
  const contract = makeContract({ ...ports, objects: watched(objects, 'objects') });
  const settings: QueueSettings = { ...fifoSettings, ...options.settings };
  const model = createSqsModel({ now: clock.now, uuid: random.uuid, ...(groupOrder && { groupOrder }) });
  const { main, dlq, arn: queueArn } = createQueuePair(model, { instance: INSTANCE, queue: contract.queue }, settings);
  const lines: { message: string; facts: Facts }[] = [];
  /** What the lines were about, if it was an error that no code expects. */
  const bugs: unknown[] = [];
  const metrics: { name: string; value: number; dimensions: Record<string, string> }[] = [];
  const line = (message: string, facts: Facts = {}, error?: unknown) => {
    lines.push({ message, facts });
    if (isBug(error)) bugs.push(error);
  };
  const deps: OperatorDeps &
    Parameters<typeof handleBatch>[0]['deps'] &
    CampaignSettings & { instance: string; audit: string; mailSteps: typeof MAIL_STEPS } = {
    ...ports,
    hashPeople,
    ledger: createLedger({ ...ports, settings: () => settings }),
    circuits: circuitBreakers(ports),
    objects: watched(objects, 'objects'),
    queues: watched(memoryQueues(model), 'queues'),
    log: { info: line, warn: line, error: line },
    metrics: {
      add: (name, value, _unit, dimensions) => metrics.push({ name, value, dimensions }),
      flush: async () => {},
    },
    instance: INSTANCE,
    audit: 'of-this-test',
    mailSteps: MAIL_STEPS,
    works: {},
    bucket: BUCKET,
    prefix: PREFIX,
    retryWaits: [60, 900],
    storeWait: 900,
    settings: () => settings,
    queueNames: [contract.queue],
    queueUrl: () => queueUrl(REGION, ACCOUNT, main),
    dlqUrl: () => queueUrl(REGION, ACCOUNT, dlq),
  };
  // A queue of a test may call each vendor.
  deps.works = {
    [contract.queue]: { vendors: VENDORS, owedVendor: 'sendgrid', orderedHolds: HOLDS_BY_SETTING },
    ...queueWorks(deps),
  };
  const sentFacts: FactMessage[] = [];
  const topic = watched({ publish: async (fact: FactMessage) => void sentFacts.push(fact) }, 'topic');
  deps.topic = { ...topic, overAfterMs: 15 * 60_000, dlqDepth: () => options.dlqDepth ?? 5 };
  const published: Completion[] = [];
  const events: Events = { publish: async (completion) => void published.push(completion) };
  if (options.events) deps.events = publishedOnly(watched(events, 'events'));
  const timeoutMs = options.timeoutMs ?? 45_000;
  const rowsWhere = (fits: (item: Item) => boolean) => table.items().filter(fits) as unknown as JobRow[];

  return {
    clock,
    deps,
    model,
    table,
    objects,
    lines,
    bugs,
    metrics,
    facts: sentFacts,
    published,
    timeoutMs,

    /** Sends a body to the queue. Returns its message id. `of`: the job whose row allows the message, one of ours. */
    send(
      body: string,
      given: { group?: string; deduplication?: string; attributes?: Record<string, string>; of?: string } = {},
    ): string {
      const { group = 'g', deduplication = random.uuid(), of } = given;
      const attributes = { ...given.attributes, ...(of === undefined ? {} : tokenOf(this.row(of))) };
      const identity = settings.type === 'fifo' ? { groupId: group, deduplicationId: deduplication } : {};
      return model.sendMessage(toSqs(main, { body, attributes, ...identity })).MessageId ?? '';
    },

    /** Accepts a job as its producer does: a row and a message. */
    async accept(body: string, { group = 'g' } = {}): Promise<string> {
      const envelope = parseEnvelope(body);
      const row = newRow({ queue: contract.queue, envelope, group, now: clock.now(), random });
      await deps.ledger.write(row, 0);
      return this.send(body, { group, of: row.id });
    },

    /** Redrives the whole DLQ with SQS's own tool. */
    redrive: () =>
      model.startMessageMoveTask({ SourceArn: `${queueArn.slice(0, -5)}-dlq.fifo`, DestinationArn: queueArn }),

    /** Receives a batch as Lambda would, without a run. */
    receive(max = 10) {
      const { Messages = [] } = model.receiveMessage({
        QueueUrl: main,
        MaxNumberOfMessages: max,
        AttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      });
      return { Records: Messages.map((message) => recordOf(message, main)) };
    },

    /** Handles a received batch by this engine or another worker, and deletes the done messages, as Lambda would. */
    async handle(
      event: ReturnType<typeof this.receive>,
      worker = (batch: SQSEvent) => handleBatch({ deps, contract, event: batch, remainingMs: timeoutMs }),
    ): Promise<SQSBatchResponse> {
      const response = await worker(event);
      const failed = new Set(response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { messageId, receiptHandle } of event.Records)
        if (!failed.has(messageId)) model.deleteMessage({ QueueUrl: main, ReceiptHandle: receiptHandle });
      return response;
    },

    async deliver(max = 10): Promise<SQSBatchResponse> {
      return this.handle(this.receive(max));
    },

    /** Handles batches until the queue shows none. */
    async work(max = 10): Promise<void> {
      for (let event = this.receive(max); event.Records.length > 0; event = this.receive(max)) await this.handle(event);
    },

    async sendAndDeliver(...given: Parameters<typeof this.send>): Promise<SQSBatchResponse> {
      this.send(...given);
      return this.deliver();
    },

    reconcile: (options: Partial<Parameters<typeof reconcile>[1]> = {}) =>
      reconcile(deps, { remainingMs: 55_000, ...options }),

    /** Lets time pass, then runs the reconciler. */
    async reconcileAfter(ms: number): Promise<void> {
      clock.advance(ms);
      await this.reconcile();
    },

    /** Delivers and reconciles until nothing is left to do, in steps of at most an hour of virtual time. */
    async drain({ hours = 24, batch = 10 }: { hours?: number; batch?: number } = {}): Promise<void> {
      const end = clock.now() + hours * 3_600_000;
      while (clock.now() < end) {
        await this.work(batch);
        await this.reconcile();
        if (this.inQueue() === 0 && !this.rows().some(isLive) && !table.items().some(isReleased)) return;
        clock.advance(60_000);
      }
    },

    /** Lets minutes pass. In each the reconciler runs, then the worker handles what the queue shows. */
    async minutes(count = 1): Promise<void> {
      for (let minute = 0; minute < count; minute++) {
        await this.reconcileAfter(60_000);
        await this.work();
      }
    },

    inQueue: () => model.messages(main).length,
    deadLetters: () => model.messages(dlq),
    rows: () => rowsWhere(({ state, canary }) => state !== undefined && !canary),
    canaries: () => rowsWhere(({ canary }) => canary === true),
    row(id: string): JobRow {
      const found = table.item(jobKey(contract.queue, id));
      if (!found || found.canary) throw new Error('the job has no row');
      return found as unknown as JobRow;
    },
    records: () =>
      Object.fromEntries(
        objects
          .keys()
          .filter((key) => key.startsWith(`${PREFIX}/${contract.queue}/`))
          .map((key) => [key, JSON.parse(objects.text(key)) as Record<string, unknown>]),
      ),
  };
}

export type Engine = ReturnType<typeof memoryEngine>;

const isLive = ({ state, reason }: JobRow): boolean =>
  state === 'queued' || state === 'processing' || (state === 'held' && reason !== 'unknown' && reason !== 'stopped');

const isReleased = ({ status, released, chunks }: Item): boolean =>
  status === 'running' && Number(released) < Number(chunks);

export function watch<T extends object>(
  port: T,
  name: string,
  { before, after }: Pick<EngineOptions, 'before' | 'after'>,
): T {
  const calls = Object.entries(port).map(([method, call]) => [
    method,
    async (...parameters: unknown[]) => {
      await before?.(`${name}.${method}`, parameters[0]);
      const answer: unknown = await (call as (...given: unknown[]) => unknown)(...parameters);
      await after?.(`${name}.${method}`);
      return answer;
    },
  ]);
  return Object.fromEntries(calls) as T;
}

export const anEnvelope = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  specversion: '1.0',
  id: jobId(1),
  type: 'sample.done.v1',
  source: '/my/api',
  time: '2026-01-02T03:04:05.000Z',
  datacontenttype: 'application/json',
  data: {},
  ...changes,
});

export const envelope = (n = 1, changes: Record<string, unknown> = {}): string =>
  JSON.stringify(anEnvelope({ id: jobId(n), ...changes }));

import type { QueueSettings } from '../../../lib/config';
import { dlqName, queueName, queueUrl } from '../../../lib/jobs/keys';
import { createLedger } from '../../../lib/jobs/ledger';
import { createOrder } from '../../../lib/jobs/order';
import type { JobRow } from '../../../lib/jobs/row';
import { circuitBreakers } from '../../../lib/limits/circuit';
import { createEventSourceMapping } from '../../../lib/local/event-source-mapping';
import type { InvokeResult } from '../../../lib/local/lambda/environment';
import { createSqsModel } from '../../../lib/local/sqs/model';
import type { Clock, Random } from '../../../lib/ports';
import type { ReconcileDeps } from '../../../lib/reconcile/deps';
import { reconcile } from '../../../lib/reconcile/reconcile';
import { handleBatch } from '../../../lib/worker/batch';
import type { QueueContract } from '../../../lib/worker/contract';
import type { BatchDeps } from '../../../lib/worker/deps';
import { memoryObjects } from '../../support/memory-objects';
import { memoryQueues } from '../../support/memory-queues';
import { memoryTable, type Used } from '../../support/memory-table';
import { createChance } from '../world/chance';
import { createKernel } from '../world/kernel';
import { type Calls, countedCalls } from './calls';

const INSTANCE = 'scale';
const REGION = 'us-east-1';
const ACCOUNT = '000000000000';
const PREFIX = 'jobs';
const MINUTE_MS = 60_000;

/** What a plan found out. */
export interface ScaleResult {
  /** The promise that was broken, if one was. */
  violation?: string;
  /** Virtual time until the plan's end was reached. */
  minutes: number;
  /** Calls out of the service's functions. */
  calls: number;
}

/** What a contract of a plan may use: the vendor's call costs time and may throw. */
export interface Vendor {
  now(): number;
  /** Takes `ms` of virtual time, then does something at the vendor's. */
  call<T>(ms: number, effect: () => T): Promise<T>;
}

export interface ServiceOptions {
  contract: (vendor: Vendor & { deps: BatchDeps & Pick<ReconcileDeps, 'table'> }) => QueueContract;
  settings?: Partial<QueueSettings>;
  /** Invocations of the worker at once. */
  concurrency?: number;
  batch?: number;
  /** Of the worker. */
  timeoutMs?: number;
  /** Milliseconds that a call takes. */
  costs?: Partial<Record<'table' | 'objects' | 'queues', number>>;
  retryWaits?: number[];
  /** What reading a kept body throws, by key. */
  unreadable?: (key: string) => Error | undefined;
  /** Between two runs of the reconciler. */
  everyMs?: number;
  /** How long the reconciler stays for campaigns. */
  stayMs?: number;
  /** Hears of the capacity units of the table that are used, and when. */
  used?: (use: Used, at: number) => void;
  /** The time-out of the reconciler; by default it ends 5 s before the next run, and after a minute at most. */
  remainingMs?: number;
}

/**
 * One queue of the service with its worker and reconciler on a virtual clock, for plans with thousands of jobs. There
 * are no faults but the plan's own. Every call takes its time, so that work that needs too many of them comes too late.
 */
export function startService(options: ServiceOptions) {
  const { concurrency = 10, batch = 1, timeoutMs = 45_000, everyMs = MINUTE_MS, stayMs = 0 } = options;
  const { remainingMs = Math.min(everyMs, MINUTE_MS) - 5_000 } = options;
  const start = Date.UTC(2026, 0, 2, 3, 4, 0);
  const kernel = createKernel(start);
  const chance = createChance(1);
  const settings: QueueSettings = {
    type: 'fifo',
    retention: 14 * 86_400,
    dlqRetention: 14 * 86_400,
    visibility: 300,
    receives: 3,
    ordered: false,
    ...options.settings,
  };
  const sqs = createSqsModel({ now: kernel.now, uuid: () => chance.uuid(), region: REGION, account: ACCOUNT });
  const { used } = options;
  const table = memoryTable(used ? { used: (use) => used(use, kernel.now()) } : {});
  const objects = memoryObjects();
  const queues = memoryQueues(sqs);
  const random: Random = { uuid: () => chance.uuid(), fraction: () => chance.fraction() };
  const sleep = (ms: number) => new Promise<void>((resolve) => void kernel.setTimeout(resolve, Math.max(0, ms)));
  const clock: Clock = { now: kernel.now, sleep };
  const calls = countedCalls({ sleep, costs: { table: 5, objects: 20, queues: 10, ...options.costs } });
  const metrics = new Map<string, number>();

  const portsOf = (through: Calls) => ({
    table: through.port('table', table),
    objects: through.port('objects', {
      ...objects,
      get: async (key: string) => {
        const error = options.unreadable?.(key);
        if (error) throw error;
        return objects.get(key);
      },
    }),
    queues: through.port('queues', queues),
  });
  const depsOf = ({ table, objects, queues }: ReturnType<typeof portsOf>) => {
    const base = { table, clock, random };
    return {
      ...base,
      objects,
      queues,
      ledger: createLedger({ ...base, settings: () => settings }),
      order: createOrder(base),
      circuits: circuitBreakers(base),
      log: { info: () => {}, warn: () => {}, error: () => {} },
      metrics: {
        add: (name: string, value: number) => void metrics.set(name, (metrics.get(name) ?? 0) + value),
        flush: () => {},
      },
      bucket: 'bucket',
      prefix: PREFIX,
      retryWaits: options.retryWaits ?? [60, 900],
      storeWait: 900,
      settings: () => settings,
    };
  };
  const deps = depsOf(portsOf(calls));
  const contract = options.contract({
    deps,
    now: kernel.now,
    call: async (ms, effect) => {
      await sleep(ms);
      return effect();
    },
  });
  const { queue } = contract;
  const main = queueName(INSTANCE, queue, settings.type);
  const dlq = dlqName(INSTANCE, queue, settings.type);
  createQueues();
  const reconcilerDeps = {
    ...deps,
    queueNames: [queue],
    queueUrl: () => queueUrl(REGION, ACCOUNT, main),
    dlqUrl: () => queueUrl(REGION, ACCOUNT, dlq),
  };

  const invoke = async (event: Parameters<typeof handleBatch>[0]['event']): Promise<InvokeResult> => ({
    kind: 'answer',
    value: await handleBatch({ deps, contract, event, remainingMs: timeoutMs }),
  });
  const mapping = createEventSourceMapping({
    sqs,
    queue: main,
    batchSize: batch,
    functionTimeoutMs: timeoutMs,
    maximumConcurrency: concurrency,
    partialResponses: true,
    invoke,
    timers: kernel,
  });

  function createQueues(): void {
    const { type, receives, retention, dlqRetention, visibility } = settings;
    const fifo: Record<string, string> = type === 'fifo' ? { FifoQueue: 'true' } : {};
    sqs.createQueue({ QueueName: dlq, Attributes: { ...fifo, MessageRetentionPeriod: String(dlqRetention) } });
    sqs.createQueue({
      QueueName: main,
      Attributes: {
        ...fifo,
        MessageRetentionPeriod: String(retention),
        VisibilityTimeout: String(visibility),
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${dlq}`,
          maxReceiveCount: receives,
        }),
      },
    });
  }

  function everyMinute(): void {
    void reconcile(reconcilerDeps, { remainingMs, stayMs });
    kernel.setTimeout(everyMinute, everyMs);
  }

  return {
    now: kernel.now,
    table,
    objects,
    sqs,
    settings,
    main,
    dlq,
    prefix: PREFIX,
    /** Sums of metrics by name. */
    metrics,
    calls: calls.counts,
    /** What its functions reach. */
    deps: reconcilerDeps,
    /** The same dependencies without counting or cost, to lay down what was there before the plan begins. */
    before: depsOf({ table, objects, queues }),
    /** Does something after so many ms of virtual time. */
    after: (ms: number, act: () => void) => void kernel.setTimeout(act, ms),
    /** Puts a message on the queue, or where `to` says. */
    send(
      body: string,
      { group, deduplication, to = main }: { group: string; deduplication: string; to?: string },
    ): void {
      const fifo = settings.type === 'fifo' ? { MessageGroupId: group, MessageDeduplicationId: deduplication } : {};
      sqs.sendMessage({ QueueUrl: to, MessageBody: body, ...fifo });
    },
    row: async (id: string) => (await table.get(`${queue}#${id}`)) as JobRow | undefined,
    /** Starts worker and reconciler and runs until `done`, which is asked every second; violated after `withinMs`. */
    async run({ done, withinMs }: { done: () => boolean | string; withinMs: number }): Promise<ScaleResult> {
      let answer: boolean | string = false;
      const look = () => {
        answer = done();
        kernel.setTimeout(look, 1_000);
      };
      const begun = kernel.now();
      mapping.start();
      everyMinute();
      look();
      await kernel.run(() => answer !== false || kernel.now() - begun > withinMs);
      const minutes = Math.round((kernel.now() - begun) / MINUTE_MS);
      const total = [...calls.counts.values()].reduce((sum, count) => sum + count, 0);
      const late =
        answer === false ? `liveness: not done within ${Math.round(withinMs / MINUTE_MS)} minutes` : undefined;
      const violation = typeof answer === 'string' ? answer : late;
      return { minutes, calls: total, ...(violation ? { violation } : {}) };
    },
  };
}

export type Service = ReturnType<typeof startService>;

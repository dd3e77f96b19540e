import type { QueueSettings } from '../../../lib/config/common';
import type { Envelope } from '../../../lib/jobs/envelope';
import { dlqName, queueUrl } from '../../../lib/jobs/keys';
import { createLedger } from '../../../lib/jobs/ledger';
import type { Clock, Facts } from '../../../lib/ports';
import { reconcile } from '../../../lib/reconcile/reconcile';
import type { ReconcileDeps } from '../../../lib/reconcile/run';
import { handleBatch } from '../../../lib/worker/batch';
import { circuitBreakers } from '../../../lib/worker/circuit';
import type { QueueContract, WorkerDeps } from '../../../lib/worker/contract';
import { createEventSourceMapping } from '../../../packages/local/event-source-mapping';
import type { InvokeResult } from '../../../packages/local/lambda/runtime';
import { createSqsModel } from '../../../packages/local/sqs/model';
import { memoryObjects } from '../../support/memory-objects';
import { memoryQueues } from '../../support/memory-queues';
import { memoryTable, type Used } from '../../support/memory-table';
import { createQueuePair } from '../../support/queue-pair';
import { createChance } from '../world/chance';
import { createKernel } from '../world/kernel';

const INSTANCE = 'scale';
const REGION = 'us-east-1';
const ACCOUNT = '000000000000';
const PREFIX = 'jobs';
const MINUTE_MS = 60_000;

export interface ScaleResult {
  violation?: string;
  minutes: number;
  calls: number;
}

export interface ScalePlan {
  name: string;
  what: string;
  size: number;
  /** The number of items of `npm run simulate -- --scale`. */
  largest: number;
  run(size: number): Promise<ScaleResult>;
}

/** What a plan's contract may use. A vendor call takes time and may throw. */
export interface Vendor {
  now(): number;
  /** Calls the vendor: takes `ms` of virtual time, then runs the effect. */
  call<T>(ms: number, effect: () => T): Promise<T>;
}

export interface ServiceOptions {
  contract: (vendor: Vendor & { deps: WorkerDeps & Pick<ReconcileDeps, 'table'> }) => QueueContract;
  settings?: Partial<QueueSettings>;
  concurrency?: number;
  batch?: number;
  timeoutMs?: number;
  costs?: Partial<Record<'table' | 'objects' | 'queues', number>>;
  /** The error of reading a kept body, by key. */
  unreadable?: (key: string) => Error | undefined;
  everyMs?: number;
  /** How long the reconciler stays to release chunks. */
  stayMs?: number;
  /** Called with the table's used capacity units and the time. */
  used?: (use: Used, at: number) => void;
  /** The time-out of the reconciler; by default it ends 5 s before the next run, and after a minute at most. */
  remainingMs?: number;
}

/**
 * One queue of the service with its worker and reconciler on a virtual clock, for plans with thousands of jobs. The
 * only faults are those of the plan. Every call takes time, so work with too many calls misses its bound.
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
    room: 2 * concurrency * batch,
    ...options.settings,
  };
  const sqs = createSqsModel({
    now: kernel.now,
    uuid: () => chance.uuid(),
    // The harder order for a walk of the DLQ: entries that come back stand in front of those that it has not seen.
    groupOrder: 'age',
  });
  const { used } = options;
  const table = memoryTable(used ? { used: (use) => used(use, kernel.now()) } : {});
  const objects = memoryObjects();
  const queues = memoryQueues(sqs);
  const sleep = (ms: number) => new Promise<void>((resolve) => void kernel.setTimeout(resolve, Math.max(0, ms)));
  const clock: Clock = { now: kernel.now, sleep };
  const costs = { table: 5, objects: 20, queues: 10, ...options.costs };
  const calls = new Map<string, number>();
  const handled = new Map<Facts[string], number>();

  /** The same port, whose calls take time and are counted. */
  function costly<T extends object>(target: keyof typeof costs, port: T): T {
    const methods = Object.entries(port).map(([method, call]) => [
      method,
      async (...given: unknown[]) => {
        const name = `${target}.${method}`;
        calls.set(name, (calls.get(name) ?? 0) + 1);
        await sleep(costs[target]);
        return (call as (...given: unknown[]) => unknown)(...given);
      },
    ]);
    return Object.fromEntries(methods) as T;
  }
  const readable = async (key: string) => {
    const error = options.unreadable?.(key);
    if (error) throw error;
    return objects.get(key);
  };
  const free = { table, objects, queues };
  const depsOf = ({ table, objects, queues }: typeof free) => {
    const base = { table, clock, random: chance };
    return {
      ...base,
      objects,
      queues,
      ledger: createLedger({ ...base, settings: () => settings }),
      circuits: circuitBreakers(base),
      log: {
        info: (message: string, { outcome }: Facts = {}) => {
          if (message === 'delivery handled') handled.set(outcome, (handled.get(outcome) ?? 0) + 1);
        },
        warn: () => {},
        error: () => {},
      },
      metrics: { add: () => {}, flush: async () => {} },
      bucket: 'bucket',
      prefix: PREFIX,
      retryWaits: [60, 900],
      storeWait: 900,
      settings: () => settings,
      dlqUrl: (queue: string) => queueUrl(REGION, ACCOUNT, dlqName(INSTANCE, queue, settings.type)),
    };
  };
  const deps = depsOf({
    table: costly('table', table),
    objects: costly('objects', { ...objects, get: readable }),
    queues: costly('queues', queues),
  });
  const contract = options.contract({
    deps,
    now: kernel.now,
    call: async (ms, effect) => {
      await sleep(ms);
      return effect();
    },
  });
  const { queue } = contract;
  const { main, dlq } = createQueuePair(sqs, { instance: INSTANCE, queue }, settings);
  const reconcilerDeps = { ...deps, queueNames: [queue], queueUrl: () => queueUrl(REGION, ACCOUNT, main) };

  const invoke = async (event: Parameters<typeof handleBatch>[0]['event']): Promise<InvokeResult> => ({
    kind: 'answer',
    value: await handleBatch({ deps, contract, event, remainingMs: timeoutMs }),
  });
  const mapping = createEventSourceMapping({
    sqs,
    queue: main,
    batchSize: batch,
    maximumConcurrency: concurrency,
    invoke,
    timers: kernel,
  });

  function everyMinute(): void {
    void reconcile(reconcilerDeps, { remainingMs, stayMs });
    kernel.setTimeout(everyMinute, everyMs);
  }

  return {
    now: kernel.now,
    objects,
    sqs,
    settings,
    main,
    dlq,
    prefix: PREFIX,
    handled,
    calls,
    deps: reconcilerDeps,
    /** The same dependencies without counts or costs, to store what existed before the plan. */
    before: depsOf(free),
    after: (ms: number, act: () => void) => void kernel.setTimeout(act, ms),
    send: (envelope: Envelope, group = envelope.id) =>
      void sqs.sendMessage({
        ...{ QueueUrl: main, MessageBody: JSON.stringify(envelope) },
        ...{ MessageGroupId: group, MessageDeduplicationId: envelope.id },
      }),
    /**
     * Starts the worker and the reconciler and runs until `done`, which is asked every second. Reports a violation
     * after `withinMs`.
     */
    async run({ done, withinMs }: { done: () => boolean | string; withinMs: number }): Promise<ScaleResult> {
      let answer: boolean | string = false;
      const ask = () => {
        answer = done();
        kernel.setTimeout(ask, 1_000);
      };
      const begun = kernel.now();
      mapping.start();
      everyMinute();
      ask();
      await kernel.run(() => answer !== false || kernel.now() - begun > withinMs);
      const minutes = Math.round((kernel.now() - begun) / MINUTE_MS);
      const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
      const late =
        answer === false ? `liveness: not done within ${Math.round(withinMs / MINUTE_MS)} minutes` : undefined;
      const violation = typeof answer === 'string' ? answer : late;
      return { minutes, calls: total, ...(violation ? { violation } : {}) };
    },
  };
}

export type Service = ReturnType<typeof startService>;

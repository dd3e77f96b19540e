import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Envelope } from '../../../lib/engine/jobs/envelope';
import type { QueueWorks } from '../../../lib/engine/reconcile/contract';
import { reconcile } from '../../../lib/engine/reconcile/reconcile';
import { handleBatch } from '../../../lib/engine/worker/batch';
import type { QueueContract } from '../../../lib/engine/worker/contract';
import type { QueueSettings } from '../../../lib/platform/config/functions';
import { ignoreStoreError } from '../../../lib/platform/errors';
import type { Facts } from '../../../lib/platform/ports';
import { createEventSourceMapping } from '../../../packages/local/event-source-mapping';
import type { InvokeResult } from '../../../packages/local/lambda/runtime';
import { type EngineOptions, INSTANCE, jobId, memoryEngine } from '../../support/engine';
import type { Used } from '../../support/memory-table';
import { createQueuePair } from '../../support/queue-pair';
import { MINUTE_MS } from '../draw/build';
import { createChance } from '../world/chance';
import { createKernel } from '../world/kernel';

/** The message of the n-th job of a plan, accepted at `time` (ms since 1970). */
export const envelopeOf = (
  n: number,
  { type, time, data }: { type: string; time: number; data: unknown },
): Envelope => ({
  ...{ specversion: '1.0', id: jobId(n), type, source: '/scale/api', datacontenttype: 'application/json' },
  ...{ time: new Date(time).toISOString(), data },
});

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

export const scalePlan = (
  name: string,
  what: string,
  [size, largest]: readonly [size: number, largest: number],
  run: ScalePlan['run'],
): ScalePlan => ({ name, what, size, largest, run });

/** What a plan's contract, or another worker, may use. */
export interface Tools {
  deps: ReturnType<typeof memoryEngine>['deps'];
  now(): number;
  /** Calls a vendor: takes `ms` of virtual time, then runs the effect, which may throw. */
  call<T>(ms: number, effect: () => T): Promise<T>;
}

export interface ServiceOptions extends Pick<EngineOptions, 'groupOrder'> {
  queue: string;
  contract: (tools: Tools) => QueueContract;
  /** Runs in place of this engine's worker, and without its reconciler. */
  worker?: ((tools: Tools) => (event: SQSEvent) => Promise<SQSBatchResponse>) | undefined;
  /** Resolves when the process that handles this event dies. */
  death?: (event: SQSEvent) => Promise<void>;
  settings?: Partial<QueueSettings>;
  concurrency?: number;
  timeoutMs?: number;
  costs?: Partial<Record<'table' | 'objects' | 'queues', number>>;
  everyMs?: number;
  /** How long the reconciler stays to release chunks. */
  stayMs?: number;
  /** Called with the table's used capacity units and the time. */
  used?: (use: Used, at: number) => void;
  /** Another queue with the same contract, worker and settings. */
  beside?: string;
  /** The reconciler, and the worker of the first queue, begin so long after the start of `run`. */
  begins?: { reconciler: number; worker: number };
  /** How long a call takes, in place of `costs`. */
  costMs?: (call: string) => number;
  /** The time-out of the reconciler; by default it ends 5 s before the next run, and after a minute at most. */
  remainingMs?: number;
}

/**
 * One queue of the service with its worker and reconciler on a virtual clock, for plans with thousands of jobs. The
 * only faults are those of the plan. From `run` on every call takes time, so work with too many calls misses its bound.
 */
export function startService({ queue, concurrency = 10, used, ...options }: ServiceOptions) {
  const { timeoutMs = 45_000, everyMs = MINUTE_MS, stayMs = 0, beside } = options;
  const { begins = { reconciler: 0, worker: 0 } } = options;
  const { remainingMs = Math.min(everyMs, MINUTE_MS) - 5_000 } = options;
  const kernel = createKernel(Date.UTC(2026, 0, 2, 3, 4, 0));
  const sleep = (ms: number) => new Promise<void>((resolve) => void kernel.setTimeout(resolve, Math.max(0, ms)));
  const costs: Record<string, number> = { table: 5, objects: 20, queues: 10, ...options.costs };
  const calls = new Map<string, number>();
  const handled = new Map<Facts[string], number>();
  let isRunning = false;
  const engine = memoryEngine(() => ({ queue, types: {} }), {
    settings: { room: 2 * concurrency, ...options.settings },
    // The harder order for a walk of the DLQ: entries that come back stand in front of those that it has not seen.
    groupOrder: options.groupOrder ?? 'age',
    clock: { now: kernel.now, sleep, advance: () => {} },
    random: createChance(1),
    ...(used && { used: (use: Used) => used(use, kernel.now()) }),
    before: async (call) => {
      if (!isRunning) return;
      calls.set(call, (calls.get(call) ?? 0) + 1);
      await sleep(options.costMs?.(call) ?? costs[call.replace(/\..*/, '')] ?? 0);
    },
  });
  const { deps, model: sqs } = engine;
  delete deps.topic;
  // The engine would keep each line and each value.
  const count = (message: string, { outcome }: Facts = {}) => {
    if (message === 'delivery handled') handled.set(outcome, (handled.get(outcome) ?? 0) + 1);
  };
  deps.log = { info: count, warn: () => {}, error: () => {} };
  deps.metrics = { add: () => {}, flush: async () => {} };
  const tools: Tools = { deps, now: kernel.now, call: (ms, effect) => sleep(ms).then(effect) };
  const contract = options.contract(tools);
  const own = (event: SQSEvent, of = contract) => handleBatch({ deps, contract: of, event, remainingMs: timeoutMs });
  const worker = options.worker?.(tools) ?? own;
  const crash: InvokeResult = { kind: 'failed', reason: 'crash' };
  const mappingOf = (url: string, work: (event: SQSEvent) => Promise<SQSBatchResponse>) =>
    createEventSourceMapping({
      sqs,
      queue: url.replace(/.*\//, ''),
      batchSize: 1,
      maximumConcurrency: concurrency,
      invoke: async (event): Promise<InvokeResult> => {
        const answer = work(event).then((value): InvokeResult => ({ kind: 'answer', value }));
        return Promise.race([answer, ...(options.death ? [options.death(event).then(() => crash)] : [])]);
      },
      timers: kernel,
    });
  const main = deps.queueUrl(queue);
  const mapping = mappingOf(main, worker);
  if (beside) addQueue(beside);

  function addQueue(name: string): void {
    const pair = createQueuePair(sqs, { instance: INSTANCE, queue: name }, deps.settings(queue));
    const { queueUrl, dlqUrl } = deps;
    const urlOf = (usual: string, of: string) => usual.replace(/[^/]*$/, of);
    deps.queueUrl = (of) => (of === name ? urlOf(main, pair.main) : queueUrl(of));
    deps.dlqUrl = (of) => (of === name ? urlOf(main, pair.dlq) : dlqUrl(of));
    deps.queueNames = [...deps.queueNames, name];
    deps.works = { ...deps.works, [name]: deps.works[queue] as QueueWorks };
    mappingOf(deps.queueUrl(name), (event) => own(event, { ...contract, queue: name })).start();
  }

  function everyMinute(): void {
    // A run that the table gives no lease ends with that error, and the next minute brings another.
    reconcile(deps, { remainingMs, stayMs }).catch(ignoreStoreError);
    kernel.setTimeout(everyMinute, everyMs);
  }

  return {
    now: kernel.now,
    objects: engine.objects,
    sqs,
    settings: deps.settings(queue),
    main,
    dlq: deps.dlqUrl(queue),
    handled,
    calls,
    deps,
    after: (ms: number, act: () => void) => void kernel.setTimeout(act, ms),
    send: (envelope: Envelope, group = envelope.id) =>
      void engine.send(JSON.stringify(envelope), { group, deduplication: envelope.id }),
    /**
     * Starts the worker and the reconciler and runs until `done`, which is asked every second. Reports a violation
     * after `withinMs`.
     */
    async run({ done, withinMs }: { done: () => boolean | string; withinMs: number }): Promise<ScaleResult> {
      let answer = false as boolean | string;
      const ask = () => {
        answer = done();
        kernel.setTimeout(ask, 1_000);
      };
      const begun = kernel.now();
      isRunning = true;
      const after = (ms: number, act: () => void) => (ms > 0 ? void kernel.setTimeout(act, ms) : act());
      after(begins.worker, mapping.start);
      if (!options.worker) after(begins.reconciler, everyMinute);
      ask();
      await kernel.run(() => answer !== false || kernel.now() - begun > withinMs);
      const minutes = Math.round((kernel.now() - begun) / MINUTE_MS);
      const total = [...calls.values()].reduce((sum, each) => sum + each, 0);
      const late = `liveness: not done within ${Math.round(withinMs / MINUTE_MS)} minutes`;
      return { minutes, calls: total, ...(answer === true ? {} : { violation: answer || late }) };
    },
  };
}

export type Service = ReturnType<typeof startService>;

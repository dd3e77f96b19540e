import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { InvokeResult } from '../../../packages/local/lambda/runtime';
import type { Process } from './calls';
import { codeOf } from './code';
import { isReplaced } from './deployments';
import type { StartFault } from './faults';
import { armed } from './poison';
import type { Code, World } from './types';

const RECONCILER_MS = 55_000;
/** One canary every second minute. */
const CANARY_MS = 90_000;
const COLD_START_MS = 300;
const LATEST_TWIN_MS = 30_000;

type Handler = ReturnType<Code['handler']>;

/** Lambda's side of the worker and the reconciler, with the faults of invocations. */
export interface Functions {
  worker(lane: World, event: SQSEvent): Promise<InvokeResult>;
  reconciler(): Promise<void>;
}

/** A process of Lambda between two events, and what it keeps for the next one. */
interface Idle<Kept> {
  process: Process;
  since: number;
  kept: Kept;
}

export function createFunctions(world: World): Functions {
  const { plan, kernel, trace, reach, trouble } = world;
  const idleWorkers = new Map<World, Idle<Handler>[]>();
  const idleReconcilers: Idle<Code>[] = [];
  const faults = new Map(plan.starts.map((fault) => [fault.nth, fault]));
  let starts = 0;
  let workers = 0;
  let reconcilers = 0;
  let throttledUntil = 0;

  const nextFault = (): StartFault | undefined => {
    const fault = faults.get(++starts);
    if (fault) {
      trouble();
      reach(`start ${fault.fault}`);
    }
    return fault;
  };

  const isBroken = (): boolean => {
    const elapsed = kernel.now() - plan.start;
    return plan.broken !== undefined && plan.broken.from <= elapsed && elapsed < plan.broken.until;
  };

  async function worker(lane: World, event: SQSEvent): Promise<InvokeResult> {
    const now = kernel.now();
    if (now < throttledUntil) {
      reach('start throttled');
      trouble();
      return { kind: 'throttled' };
    }
    const fault = nextFault();
    if (fault?.fault === 'throttled') {
      throttledUntil = now + fault.ms;
      return { kind: 'throttled' };
    }
    if (fault?.fault === 'failed' || isBroken()) {
      reach('start failed');
      trouble();
      await sleep(COLD_START_MS);
      return { kind: 'failed', reason: 'crash' };
    }
    const first = runWorker(lane, event, `worker ${++workers}`);
    if (fault?.fault === 'twice')
      void sleep(Math.min(fault.ms, LATEST_TWIN_MS)).then(() => {
        trouble();
        return isBroken() ? undefined : runWorker(lane, event, `worker ${++workers}`);
      });
    const result = await first;
    if (fault?.fault === 'unanswered') return { kind: 'failed', reason: 'error' };
    if (fault?.fault === 'malformed') return { kind: 'answer', value: { batchItemFailures: [{ itemIdentifier: '' }] } };
    return result;
  }

  /** The last idle process that no deployment has replaced. */
  function warmOf<Kept>(idle: Idle<Kept>[]): Idle<Kept> | undefined {
    const warm = idle.pop();
    if (!warm || !plan.warm || isReplaced(world, warm.since)) return undefined;
    reach('warm process');
    return warm;
  }

  function runWorker(lane: World, event: SQSEvent, name: string): Promise<InvokeResult> {
    const timeoutMs = lane.queue.functionTimeoutMs;
    const idle = idleWorkers.get(lane) ?? [];
    idleWorkers.set(lane, idle);
    return new Promise((resolve) => {
      const warm = warmOf(idle);
      const since = warm?.since ?? kernel.now();
      const process = world.spawn({
        name,
        timeoutMs,
        ended: (reason) => resolve({ kind: 'failed', reason: reason === 'timeout' ? 'timeout' : 'crash' }),
        warm: warm?.process,
      });
      trace.add({ who: process.name, what: 'started', detail: () => describe(event) });
      const handler = warm?.kept ?? codeOf(lane, process).handler(timeoutMs);
      handler(armed(event, process)).then(
        (value) => {
          if (!process.alive) return;
          world.exit(process);
          idle.push({ process, since, kept: handler });
          trace.add({ who: process.name, what: 'answered', detail: () => describeAnswer(value) });
          resolve({ kind: 'answer', value });
        },
        (error: unknown) => {
          if (process.alive) world.watch.violated(`the handler threw: ${String(error)}`);
        },
      );
    });
  }

  async function reconciler(): Promise<void> {
    const fault = nextFault();
    if (fault?.fault === 'failed' || fault?.fault === 'throttled') return;
    if (fault?.fault === 'twice') void sleep(Math.min(fault.ms, LATEST_TWIN_MS)).then(() => runReconciler());
    await runReconciler();
  }

  function runReconciler(): Promise<void> {
    const name = `reconciler ${++reconcilers}`;
    return new Promise((resolve) => {
      const warm = warmOf(idleReconcilers);
      const since = warm?.since ?? kernel.now();
      const process = world.spawn({
        name,
        timeoutMs: RECONCILER_MS,
        ended: () => resolve(),
        warm: warm?.process,
      });
      const code = warm?.kept ?? codeOf(world, process);
      trace.add({ who: process.name, what: 'started' });
      const canaryMs = kernel.now() - plan.start < (plan.canaries ?? 0) ? CANARY_MS : 0;
      const stayMs = Math.max(...world.lanes.map(({ queue }) => queue.stayMs ?? 0));
      code.reconcile({ remainingMs: RECONCILER_MS, stayMs, canaryMs }).then(
        () => {
          if (!process.alive) return;
          world.exit(process);
          idleReconcilers.push({ process, since, kept: code });
          trace.add({ who: process.name, what: 'ended' });
          resolve();
        },
        (error: unknown) => {
          if (!process.alive) return;
          process.die('threw');
          trace.add({ who: process.name, what: 'threw', detail: () => String(error) });
        },
      );
    });
  }

  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const wait = {};
      world.pending.add(wait);
      kernel.setTimeout(() => {
        world.pending.delete(wait);
        resolve();
      }, ms);
    });

  return { worker, reconciler };
}

const describe = ({ Records }: SQSEvent): string =>
  Records.map(
    ({ messageId, attributes }) => `${messageId.slice(-4)} (receive ${attributes.ApproximateReceiveCount})`,
  ).join(', ');

const describeAnswer = ({ batchItemFailures }: SQSBatchResponse): string =>
  batchItemFailures.length === 0
    ? 'all done'
    : `failed: ${batchItemFailures.map(({ itemIdentifier }) => itemIdentifier.slice(-4)).join(', ')}`;

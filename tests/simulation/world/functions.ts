import type { SQSEvent } from 'aws-lambda';
import type { InvokeResult } from '../../../packages/local/lambda/runtime';
import { type End, inProcess, later, sleep } from './acts';
import type { Process } from './calls';
import { type Code, codeOf } from './code';
import { isReplaced } from './deployments';
import type { StartFault } from './faults';
import { armed } from './poison';
import type { World } from './types';

const RECONCILER_MS = 55_000;
/** One canary every second minute. */
const CANARY_MS = 90_000;
const COLD_START_MS = 300;
const LATEST_TWIN_MS = 30_000;

/** A process of Lambda between two events, and the code that it keeps for the next one. */
interface Idle {
  process: Process;
  since: number;
  code: Code;
}

/** Lambda's side of the worker and the reconciler, with the faults of invocations. */
export function createFunctions(world: World) {
  const { plan, kernel, trace, reach, trouble } = world;
  const idleWorkers = new Map(world.lanes.map((lane): [World, Idle[]] => [lane, []]));
  const idleReconcilers: Idle[] = [];
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
      await sleep(world, COLD_START_MS);
      return { kind: 'failed', reason: 'crash' };
    }
    const first = runWorker(lane, event);
    if (fault?.fault === 'twice')
      later(world, Math.min(fault.ms, LATEST_TWIN_MS), () => (isBroken() ? undefined : runWorker(lane, event)));
    const result = await first;
    if (fault?.fault === 'unanswered') return { kind: 'failed', reason: 'error' };
    if (fault?.fault === 'malformed') return { kind: 'answer', value: { batchItemFailures: [{ itemIdentifier: '' }] } };
    return result;
  }

  /** Runs a function in the last idle process that no deployment has replaced, or in a new one. */
  function run<T>(
    lane: World,
    { idle = [], name, timeoutMs }: { idle: Idle[] | undefined; name: string; timeoutMs: number },
    act: (code: Code, process: Process) => Promise<T>,
  ): Promise<End<T>> {
    const last = idle.pop();
    const warm = last && plan.warm && !isReplaced(world, last.since) ? last : undefined;
    if (warm) reach('warm process');
    const since = warm?.since ?? kernel.now();
    return inProcess(world, { name, timeoutMs, warm: warm?.process }, async (process) => {
      const code = warm?.code ?? codeOf(lane, process);
      const answer = await act(code, process);
      if (process.alive) idle.push({ process, since, code });
      return answer;
    });
  }

  async function runWorker(lane: World, event: SQSEvent): Promise<InvokeResult> {
    const name = `worker ${++workers}`;
    const timeoutMs = lane.queue.functionTimeoutMs;
    const where = { idle: idleWorkers.get(lane), name, timeoutMs };
    const { answer, error, died } = await run(lane, where, (code, process) => {
      trace.add({ who: name, what: 'started', detail: () => describe(event) });
      return code.handle(armed(event, process), timeoutMs);
    });
    if (error) world.watch.violated(`the handler threw: ${String(error)}`);
    if (!answer) return { kind: 'failed', reason: died === 'timeout' ? 'timeout' : 'crash' };
    trace.add({ who: name, what: 'answered' });
    return { kind: 'answer', value: answer };
  }

  async function reconciler(): Promise<void> {
    const fault = nextFault();
    if (fault?.fault === 'failed' || fault?.fault === 'throttled') return;
    if (fault?.fault === 'twice') later(world, Math.min(fault.ms, LATEST_TWIN_MS), runReconciler);
    await runReconciler();
  }

  async function runReconciler(): Promise<void> {
    const name = `reconciler ${++reconcilers}`;
    const where = { idle: idleReconcilers, name, timeoutMs: RECONCILER_MS };
    const { died } = await run(world, where, (code, process) => {
      trace.add({ who: name, what: 'started' });
      const canaryMs = kernel.now() - plan.start < (plan.canaries ?? 0) ? CANARY_MS : 0;
      const stayMs = Math.max(...world.lanes.map(({ queue }) => queue.stayMs ?? 0));
      return code.reconcile({ remainingMs: RECONCILER_MS, stayMs, canaryMs }).catch((error: unknown) => {
        if (!process.alive) return;
        process.die('threw');
        trace.add({ who: name, what: 'threw', detail: () => String(error) });
      });
    });
    if (died === undefined) trace.add({ who: name, what: 'ended' });
  }

  return { worker, reconciler };
}

const describe = ({ Records }: SQSEvent): string =>
  Records.map(
    ({ messageId, attributes }) => `${messageId.slice(-4)} (receive ${attributes.ApproximateReceiveCount})`,
  ).join(', ');

export type Functions = ReturnType<typeof createFunctions>;

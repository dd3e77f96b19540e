import { AmbiguousError, ignoreStoreError, StoreError, TransientError } from '../errors';
import { finish } from '../jobs/finish';
import type { Resolved } from '../jobs/identify';
import type { JobRow, StoredError } from '../jobs/row';
import { storedError } from '../jobs/stored-error';
import { vendorGate } from '../limits/gate';
import { measuredGate } from '../limits/measured-gate';
import { LONGEST_CALL_MS, type QueueContract, type RunContext } from './contract';
import { type Decision, decide, OutOfTimeError } from './decide';
import { type Incoming, isLastReceive } from './delivery';
import type { Deadline, WorkerDeps } from './deps';
import { isDirect } from './direct';
import { orGiveUp } from './give-up';
import { createLease } from './lease';
import { dataOf, typeOf } from './message';
import { type Disposition, outcomes } from './outcome';
import { createSteps } from './steps';

/** A call that could not even take this long is not begun. */
const SHORTEST_CALL_MS = 250;

export interface Run {
  deps: WorkerDeps;
  contract: QueueContract;
  message: Incoming;
  resolved: Resolved;
  row: JobRow;
  deadline: Deadline;
}

/** Runs a claimed job to an outcome: attempts inside this invocation, then one write that ends or postpones it. */
export async function run({ deps, contract, message, resolved, row, deadline }: Run): Promise<Disposition> {
  const { clock, random, circuits, log } = deps;
  const lease = createLease(deps.ledger, row);
  const end = outcomes(deps, { lease, message, body: resolved.body });
  const context: RunContext = {
    steps: createSteps({ lease, clock }),
    vendor: measuredGate(vendorGate({ circuits, job: row.id, until: row.lease?.until ?? deadline.at }), deps),
    callTimeoutMs: (most = LONGEST_CALL_MS) => {
      const left = Math.min(most, deadline.remainingMs());
      if (left < SHORTEST_CALL_MS) throw new OutOfTimeError();
      return left;
    },
    now: () => clock.now(),
    log,
  };

  return orGiveUp(deps, { lease, message, deadline }, async () => {
    for (let quickRetries = 0; ; ) {
      try {
        const result = await attempt();
        return await completed(await end.succeed(result));
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const decision = decide({
          error,
          attempts: row.attempts,
          quickRetries,
          lastReceive: isLastReceive(message, deps.settings(contract.queue)),
          remainingMs: deadline.remainingMs(),
          retryWaits: deps.retryWaits,
          fraction: () => random.fraction(),
        });
        if (decision.kind !== 'again') return await settle(error, decision);
        if (decision.quick) quickRetries++;
        await clock.sleep(decision.waitMs);
      }
    }
  });

  async function attempt(): Promise<unknown> {
    // Its row says so, which the reconciler wrote: what a message says of itself is not asked.
    if (row.canary) return undefined;
    // Whose an id is, work that needs no row finds out by itself: who holds the id's row may have done nothing.
    const envelope = resolved.envelope ?? (isDirect(contract) ? resolved.alleged : undefined);
    if (!envelope) throw resolved.problem;
    const type = typeOf(contract, envelope, clock.now());
    const data = await dataOf({ ...deps, queue: contract.queue }, envelope, type);
    return type.process({ id: envelope.id, data, envelope, row }, context);
  }

  async function settle(thrown: unknown, decision: Exclude<Decision, { kind: 'again' }>): Promise<Disposition> {
    if (decision.kind === 'report') throw thrown;
    const disposition = await written(storedError(thrown), decision);
    await countTransient(thrown);
    return disposition;
  }

  async function written(
    error: StoredError,
    decision: Exclude<Decision, { kind: 'again' | 'report' }>,
  ): Promise<Disposition> {
    if (decision.kind === 'cancel') return completed(await end.cancel());
    if (decision.kind === 'park') return completed(await end.park({ error, reason: 'error', counts: true }));
    if (decision.kind === 'hold') return { acknowledge: true, row: await end.hold({ error, ...decision }) };
    return { acknowledge: false, visibilityMs: decision.waitMs, row: await end.retry({ error, ...decision }) };
  }

  /** Five of these in a row stop the vendor. The outcome is written: a circuit that cannot be is not worth another run. */
  async function countTransient(thrown: unknown): Promise<void> {
    if (!(thrown instanceof TransientError || thrown instanceof AmbiguousError) || !thrown.vendor) return;
    await circuits.transient(thrown.vendor, thrown.code).catch(ignoreStoreError);
  }

  /** The end is written: what it still lacks is the reconciler's, should it fail here. */
  async function completed(ended: JobRow): Promise<Disposition> {
    const row = await finish(deps, ended, resolved.body).catch((error: unknown) => {
      ignoreStoreError(error);
      log.warn('an end is not complete yet', { queue: ended.queue, jobId: ended.id });
      return ended;
    });
    return { acknowledge: true, row };
  }
}

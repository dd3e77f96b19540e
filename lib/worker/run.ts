import { ignoreStoreError, StoreError, TransientError } from '../errors';
import { type JobRow, storedError } from '../jobs/row';
import { LONGEST_RETRY_MS, VENDOR_DOWN, workedForOthers } from './circuit';
import { endRun, finish, orGiveUp } from './close';
import {
  type DeliveryRun,
  type Disposition,
  isLastReceive,
  LONGEST_CALL_MS,
  type RunContext,
  type WorkerDeps,
} from './contract';
import { type Decision, decide, OutOfTimeError } from './decide';
import { dataOf, isDirect, typeOf } from './direct';
import { measuredGate, type RunGate, type VendorFailure, vendorFailure, vendorGate } from './gate';
import { onceInvalid, type Resolved } from './open';
import { createLease, createSteps, type Lease } from './steps';

/** A call is not begun if it could not even take this long. */
const SHORTEST_CALL_MS = 250;

export interface Run extends Omit<DeliveryRun, 'alone'> {
  resolved: Resolved;
  row: JobRow;
  /** The step whose start the claim stored. */
  begun: string | undefined;
}

/** Runs a claimed job to an outcome. The job may be tried several times; the outcome is one write. */
export async function run(job: Run): Promise<Disposition> {
  const { deps, message, resolved, deadline } = job;
  const lease = createLease(deps.ledger, job.row, job.begun);
  const { circuits } = deps;
  const gate = vendorGate({ circuits, job: job.row.id, until: job.row.lease?.until ?? deadline.at });
  const context = contextOf(job, lease, gate);
  return orGiveUp(job, lease, async () => {
    for (let quickRetries = 0; ; ) {
      try {
        const result = await attempt(job, context);
        await gate.succeeded();
        const row = await endRun({ deps, lease, message, body: resolved.body }, { kind: 'succeed', result });
        return { acknowledge: true, row: await completed(job, row) };
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const decision = decisionOn(error, { ...job, row: lease.row() }, quickRetries);
        if (decision.kind === 'report') throw error;
        if (decision.kind !== 'again') return await conclude(job, { lease, thrown: error, decision });
        if (decision.quick) quickRetries++;
        await deps.clock.sleep(decision.waitMs);
      }
    }
  });
}

function contextOf({ deps, deadline }: Run, lease: Lease, gate: RunGate): RunContext {
  const { clock, log } = deps;
  return {
    steps: createSteps({ lease, clock, prepare: gate.prepare }),
    vendor: measuredGate(gate.call, deps),
    callTimeoutMs: (most = LONGEST_CALL_MS) => {
      const left = Math.min(most, deadline.remainingMs());
      if (left < SHORTEST_CALL_MS) throw new OutOfTimeError();
      return left;
    },
    now: () => clock.now(),
    log,
  };
}

async function attempt({ deps, contract, resolved, row }: Run, context: RunContext): Promise<unknown> {
  // The reconciler wrote this into the row. The message could claim anything.
  if (row.canary) return undefined;
  // Work without a row checks the bucket for an id conflict itself. The row of that id may belong to a job that did
  // nothing.
  const envelope = resolved.envelope ?? (isDirect(contract) ? resolved.alleged : undefined);
  if (!envelope) throw resolved.alleged && row.error?.code === 'InvalidEnvelope' ? onceInvalid() : resolved.problem;
  const type = typeOf(contract, envelope, deps.clock.now());
  const data = await dataOf({ ...deps, queue: contract.queue }, envelope, type);
  return type.process({ id: envelope.id, data, envelope, row }, context);
}

const decisionOn = (error: unknown, { deps, contract, message, row, deadline }: Run, quickRetries: number): Decision =>
  decide({
    error,
    attempts: row.attempts,
    openStep: Object.values(row.steps).some(({ status }) => status === 'started'),
    quickRetries,
    lastReceive: isLastReceive(message, deps.settings(contract.queue)),
    remainingMs: deadline.remainingMs(),
    retryWaits: deps.retryWaits,
    fraction: () => deps.random.fraction(),
  });

/** Writes the outcome of a run that failed, then counts the failure at its vendor. */
async function conclude(
  job: Run,
  { lease, thrown, decision }: { lease: Lease; thrown: unknown; decision: Final | { kind: 'spent' } },
): Promise<Disposition> {
  const { deps, message, resolved } = job;
  const { circuits } = deps;
  const failure = vendorFailure(thrown);
  const usual: Final = decision.kind === 'spent' ? { kind: 'park' } : decision;
  const final = failure ? await inOutage(deps, { row: lease.row(), decision, failure }) : usual;
  const row = await completed(job, await endRun({ deps, lease, message, body: resolved.body }, endOf(final)));
  if (failure) {
    const count = decision.kind === 'spent' && final.kind === 'hold' ? circuits.open : circuits.transient;
    // The outcome is stored, so a failure here changes nothing.
    await count(failure.vendor, failure.code).catch(ignoreStoreError);
  }
  return final.kind === 'retry' ? { acknowledge: false, visibilityMs: final.waitMs, row } : { acknowledge: true, row };

  function endOf(end: Final): Parameters<typeof endRun>[1] {
    if (end.kind === 'cancel') return end;
    const why = { error: storedError(thrown), vendorFailed: failure !== undefined };
    if (end.kind !== 'park') return { ...why, ...end };
    return { ...why, ...(end.error && { error: storedError(end.error) }), kind: 'park', reason: 'error', counts: true };
  }
}

/** The outcome is stored. If this fails, the reconciler finishes the remaining writes. */
async function completed({ deps, resolved }: Run, ended: JobRow): Promise<JobRow> {
  return finish(deps, ended, { body: resolved.body }).catch((error: unknown) => {
    ignoreStoreError(error);
    deps.log.warn('an end is not complete yet', { queue: ended.queue, jobId: ended.id });
    return ended;
  });
}

type Final = Exclude<Decision, { kind: 'again' | 'report' | 'spent' }>;

/**
 * Decides on a job after its vendor has failed. A job with spent attempts is parked if the vendor has worked for
 * another job since this job's first failure, because then the job is the cause. Otherwise it is held until the vendor
 * works. A job whose trial call fails is held too. The hold ends with the queue's retention, counted from the first
 * failure.
 */
async function inOutage(
  { circuits, clock, settings }: Pick<WorkerDeps, 'circuits' | 'clock' | 'settings'>,
  { row, decision, failure }: { row: JobRow; decision: Final | { kind: 'spent' }; failure: VendorFailure },
): Promise<Final> {
  const now = clock.now();
  const { id, queue, failingSince = now } = row;
  const { vendor } = failure;
  if (decision.kind === 'spent') {
    if (workedForOthers(await circuits.read(vendor), { job: id, since: failingSince })) return { kind: 'park' };
  } else if (decision.kind !== 'hold' || decision.reason !== 'stopped') return decision;
  // The next trial call would come too late.
  if (now + LONGEST_RETRY_MS >= failingSince + settings(queue).retention * 1000) {
    const message = `the vendor has failed for as long as the queue keeps a message (${failure.code})`;
    return { kind: 'park', error: new TransientError({ code: VENDOR_DOWN, message, vendor, cause: failure }) };
  }
  return { kind: 'hold', reason: 'stopped', waitMs: 0, counts: false };
}

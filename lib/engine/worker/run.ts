import type { QueueSettings } from '../../platform/config/functions';
import {
  codeOf,
  IdTakenError,
  ignoreStoreError,
  isBug,
  PermanentError,
  StoreError,
  TransientError,
  VerdictError,
  wrongField,
} from '../../platform/errors';
import type { Objects } from '../../platform/ports';
import {
  checkRandomId,
  checkTime,
  type Envelope,
  parseEnvelope,
  parseOrPark,
  payloadHash,
  sha256,
} from '../jobs/envelope';
import { dataKey, invalidId, jobKey } from '../jobs/keys';
import { ATTRIBUTE, belongs } from '../jobs/messages';
import { type JobRow, storedError, VENDOR_DOWN } from '../jobs/row';
import { LONGEST_RETRY_MS, withPauses, workedForOthers } from './circuit';
import type { ClaimResult, Content } from './claim';
import { close, orGiveBack } from './close';
import {
  type Deadline,
  type Disposition,
  type Handling,
  type Incoming,
  LONGEST_CALL_MS,
  type MessageType,
  type QueueContract,
  type RunContext,
  type WorkerDeps,
} from './contract';
import { type Decision, decide, type Situation } from './decide';
import { type RunGate, type VendorFailure, vendorFailure, vendorGate } from './gate';
import { createLease, createSteps, type Lease } from './steps';

/** Runs a claimed job to an outcome. The job may be tried several times; the outcome is one write. */
export async function run(
  handling: Handling,
  { content, row, begun }: Extract<ClaimResult, { kind: 'claimed' }>,
): Promise<Disposition> {
  const { deps, contract, deadline } = handling;
  const lease = createLease(deps.ledger, row, begun);
  const { probes } = contract;
  const timeoutMs = callTimeout(deadline);
  const gate = vendorGate(deps, { job: row.id, until: row.lease?.until ?? deadline.at, probes, timeoutMs });
  const context = contextOf(handling, lease, gate);
  /** An earlier run left a step open, so this run asks the vendor about it. */
  const asked = hasOpenStep(lease.row());
  return orGiveBack(handling, lease, async () => {
    for (let quickRetries = 0, waitedMs = 0; ; ) {
      const tried = await attempt(handling, { content, row, context }).then(
        (result) => ({ done: true, result }) as const,
        (thrown: unknown) => ({ done: false, thrown }) as const,
      );
      if (tried.done) {
        await gate.succeeded();
        const end = { kind: 'succeed', result: tried.result } as const;
        return { kind: 'acknowledge', row: await close(handling, { lease, content, end }) };
      }
      const { thrown } = tried;
      if (thrown instanceof StoreError) throw thrown;
      if (isBug(thrown)) reportBug(handling, row, thrown);
      const owedMs = await owedWait(deps, lease);
      const decision = decisionOn(thrown, handling, { row: lease.row(), asked, quickRetries, waitedMs, owedMs });
      if (decision.kind === 'report') throw thrown;
      if (decision.kind !== 'again') return fail(handling, { lease, content, thrown, decision });
      if (decision.quick) quickRetries++;
      waitedMs += decision.waitMs;
      // A worker that dies in the wait must leave no step started that was undone.
      await lease.flush();
      await deps.clock.sleep(decision.waitMs);
    }
  });
}

function reportBug({ deps, message }: Handling, { queue, id: jobId }: JobRow, bug: unknown): void {
  const { messageId } = message;
  deps.log.error('a run met a fault of the code', { queue, jobId, messageId, code: codeOf(bug) }, bug);
}

const hasOpenStep = ({ steps }: JobRow): boolean => Object.values(steps).some(({ status }) => status === 'started');

/** How long what the job owes may still wait, if that is all that is left of it. `undefined`: more is left. */
async function owedWait({ circuits, clock }: WorkerDeps, lease: Lease): Promise<number | undefined> {
  const { owed } = lease.row();
  if (!owed) return undefined;
  const now = clock.now();
  const { until = Number.POSITIVE_INFINITY, ...noted } = withPauses(owed, await circuits.read(owed.vendor), now);
  lease.stage((row) => ({ ...row, owed: { ...noted, ...(owed.until !== undefined && { until }) } }));
  return until - now;
}

/** Our own deadline cuts no call. */
const callTimeout =
  ({ longestCallMs, remainingMs }: Deadline) =>
  (most = LONGEST_CALL_MS): number => {
    const ms = Math.min(most, longestCallMs);
    if (remainingMs() < ms) throw new VerdictError('outOfTime');
    return ms;
  };

function contextOf({ deps, deadline }: Handling, lease: Lease, gate: RunGate): RunContext {
  const { clock, log } = deps;
  return {
    steps: createSteps({ lease, clock, prepare: gate.prepare }),
    vendor: gate.call,
    callTimeoutMs: callTimeout(deadline),
    remainingMs: deadline.remainingMs,
    now: () => clock.now(),
    log,
  };
}

async function attempt(
  { deps, contract, message }: Handling,
  { content, row, context }: { content: Content; row: JobRow; context: RunContext },
): Promise<unknown> {
  // The reconciler wrote this into the row. The message could claim anything.
  if (row.canary) return undefined;
  const envelope = envelopeOf(contract, content, row);
  if (expiresSoon({ deps, contract, message })) throw new VerdictError('outOfTime');
  const type = typeOf(contract, envelope);
  const { data, left } = await dataOf(deps, contract.queue, { envelope, type });
  if (left.length > 0) context.steps.warn(left);
  return type.process({ id: envelope.id, data, envelope, row }, context);
}

function envelopeOf(contract: QueueContract, content: Content, row: JobRow): Envelope {
  const { kind, envelope } = content;
  if (kind === 'job') return envelope;
  // Work without a row checks for an id conflict itself: the row of that id may belong to a job that did nothing.
  if (envelope && isDirect(contract)) return envelope;
  if (!envelope || row.error?.code !== 'InvalidEnvelope') throw content.problem;
  // Older code has parked this body. It must not run, because newer code may have run its job.
  const message = 'the message was not valid when it came: send it again';
  throw new PermanentError({ code: 'InvalidEnvelope', message });
}

/** Longer than an invocation and the usual wait after it. */
const EXPIRES_SOON_MS = 30 * 60_000;

/**
 * Whether SQS may soon delete the message, also while it is in flight, and then give the next one of its group. So the
 * job is held instead, and runs from a new message. An older message is one of `sls invoke local`.
 */
const expiresSoon = ({ deps, contract, message }: Pick<Handling, 'deps' | 'contract' | 'message'>): boolean =>
  Math.abs(message.sentAt + deps.settings(contract.queue).retention * 1000 - deps.clock.now()) < EXPIRES_SOON_MS;

const decisionOn = (
  error: unknown,
  { deps, contract, message, deadline }: Handling,
  { row, ...ofRun }: Pick<Situation, 'asked' | 'quickRetries' | 'waitedMs' | 'owedMs'> & { row: JobRow },
): Decision =>
  decide({
    ...ofRun,
    error,
    attempts: row.attempts,
    openStep: hasOpenStep(row),
    lastReceive: isLastReceive(message, deps.settings(contract.queue)) || expiresSoon({ deps, contract, message }),
    remainingMs: deadline.remainingMs(),
    retryWaits: deps.retryWaits,
    fraction: () => deps.random.fraction(),
  });

type FailedRun = { lease: Lease; content: Content; thrown: unknown; decision: Final | { kind: 'spent' } };

async function fail(handling: Handling, { lease, content, thrown, decision }: FailedRun): Promise<Disposition> {
  const { circuits } = handling.deps;
  const failure = vendorFailure(thrown);
  const usual: Final = decision.kind === 'spent' ? { kind: 'park' } : decision;
  const row = lease.row();
  const final = failure && !row.owed ? await inOutage(handling.deps, { row, decision, failure }) : usual;
  const closed = await close(handling, { lease, content, end: endOf(final) });
  if (failure) {
    const count = decision.kind === 'spent' && final.kind === 'hold' ? circuits.open : circuits.transient;
    // The outcome is stored, so a failure here changes nothing.
    await count(failure.vendor, failure.code).catch(ignoreStoreError);
  }
  if (final.kind === 'retry') return { kind: 'return', visibilityMs: final.waitMs, row: closed };
  return { kind: 'acknowledge', row: closed };

  function endOf(end: Final): Parameters<typeof close>[1]['end'] {
    if (end.kind === 'cancel' || end.kind === 'giveUp') return end;
    const why = { error: storedError(thrown), vendorFailed: failure !== undefined };
    if (end.kind !== 'park') return { ...why, ...end };
    return { ...why, ...(end.error && { error: storedError(end.error) }), kind: 'park', reason: 'error', counts: true };
  }
}

type Final = Exclude<Decision, { kind: 'again' | 'report' | 'spent' }>;

/**
 * A job with spent attempts is parked if the vendor has worked for another job since this job's first failure, because
 * then the job is the cause. Otherwise it is held until the vendor works. A job whose trial call fails is held too. The
 * hold ends with the queue's retention, counted from the first failure.
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

/** As old as an event may be: an operator may send those again that were rejected before. */
const OLDEST_MS = 90 * 24 * 60 * 60_000;

/** Whether all work of a queue has the same effect however often and in whatever order it runs. */
export const isDirect = ({ types }: Pick<QueueContract, 'types'>): boolean =>
  Object.values(types).every(({ direct }) => direct !== undefined);

/**
 * Runs a job of a repeatable queue without a row: no claim and no stored outcome. `undefined` leaves the job to the
 * ledger: it has a row, was parked or returned before, is a canary, or failed. A failed job then fails again and its
 * error is stored. `taken`: another job has this id. Throws only a StoreError, when nothing could be written.
 */
export async function direct({ deps, contract, message }: Handling): Promise<Disposition | 'taken' | undefined> {
  if (!isDirect(contract) || message.attributes[ATTRIBUTE.job] !== undefined) return undefined;
  const { clock, log, ledger } = deps;
  try {
    const { receiveCount, sentAt } = message;
    const envelope = parseEnvelope(message.body);
    const { id } = envelope;
    checkRandomId(envelope);
    checkTime(envelope, { oldest: sentAt - OLDEST_MS, sentAt });
    // On a first delivery only a duplicate can have a row, and the duplicate's own delivery handles that row.
    if (receiveCount > 1) {
      if (await ledger.get(jobKey(contract.queue, invalidId(message.messageId)))) return 'taken';
      const row = await ledger.get(jobKey(contract.queue, id));
      if (row && belongs(row, payloadHash(envelope))) return undefined;
    }
    const type = typeOf(contract, envelope);
    const { data } = await dataOf(deps, contract.queue, { envelope, type });
    await type.direct?.({ id, data, envelope }, { now: () => clock.now(), log });
    return {
      kind: 'acknowledge',
      direct: { id, time: Date.parse(envelope.time), type: envelope.type, traceparent: envelope.traceparent },
    };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    return error instanceof IdTakenError ? 'taken' : undefined;
  }
}

/** The message type of an envelope. Every object also has names such as `constructor`. */
export function typeOf({ types, queue }: QueueContract, { type }: Envelope): MessageType {
  const known = Object.hasOwn(types, type) ? types[type] : undefined;
  if (known) return known;
  throw wrongField('WrongType', 'type', `is not a type that the queue ${queue} knows`);
}

/** The data of a job. `left`: the cosmetic fields that were left out. */
export async function dataOf<T>(
  { objects, bucket, prefix }: { objects: Objects; bucket: string; prefix: string },
  queue: string,
  { envelope, type }: { envelope: Envelope; type: MessageType<T> },
): Promise<{ data: T; left: string[] }> {
  const parse = (data: unknown) => parseOrPark(type.schema, data, { of: envelope.type, prefix: 'data' });
  if (envelope.dataref === undefined) return parse(envelope.data);
  const bad = (code: string, rule: string) => wrongField(code, 'dataref', rule);
  if (envelope.data !== undefined) throw bad('InvalidDataref', 'must not be set together with data');
  const key = envelope.dataref.startsWith(`s3://${bucket}/`)
    ? envelope.dataref.slice(`s3://${bucket}/`.length)
    : envelope.dataref;
  const { id, datasha256 = '' } = envelope;
  if (key !== dataKey(prefix, { queue, id, sha256: datasha256 }))
    throw bad('InvalidDataref', 'must be {prefix}/_data/{queue}/{id}/{datasha256}');
  const bytes = await objects.get(key);
  if (!bytes) throw bad('DatarefMissing', 'there is no such object');
  if (sha256(bytes) !== datasha256) throw bad('DatarefChanged', 'the object is not the one that was sent');
  return parse(parseJson(bytes));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    // Without `fatal`, bytes that are not UTF-8 would silently become other characters.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw wrongField('NotJson', 'dataref', 'the object is not JSON in UTF-8');
  }
}

export const isLastReceive = ({ receiveCount }: Pick<Incoming, 'receiveCount'>, { receives }: QueueSettings): boolean =>
  receiveCount >= receives;

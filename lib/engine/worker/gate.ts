import {
  AmbiguousError,
  FilteredError,
  ignoreStoreError,
  JobError,
  PermanentError,
  StopError,
  TransientError,
  type Vendor,
} from '../../platform/errors';
import type { Clock, Metrics } from '../../platform/ports';
import { tracedVendor } from '../../platform/trace';
import { sha256 } from '../jobs/envelope';
import { VENDOR_PAUSED, VENDOR_STOPPED } from '../jobs/row';
import { type Circuit, type CircuitBreakers, isOpen, isTroubled, limitsOf, type OpenCircuit } from './circuit';

/** The stored form of an identity. A shared item must not hold an address. */
export const identityHash = (identity: string): string => sha256(identity.toLowerCase()).slice(0, 16);

export interface CallOptions {
  /** The identity that the vendor may refuse, for example the from address. The job by default. */
  identity?: string;
  /** The call changes nothing that counts, so its success does not show that the vendor works. */
  minor?: true;
  /**
   * If a firewall refuses this call, `true`: it is about the words, and the caller goes on without them. `false`: the
   * call has none, so it is about us. By default the vendor's harmless call decides.
   */
  words?: boolean;
}

/** The most that a harmless call may take. */
const PROBE_MS = 5_000;

/** A call that changes nothing at the vendor, and that works if its other calls work. */
type Probe = (options: { timeoutMs: number }) => Promise<unknown>;
export type Probes = Readonly<Record<Vendor, Probe>>;

interface GateOptions {
  job: string;
  probes?: Probes | undefined;
  until: number;
  timeoutMs?: (most: number) => number;
}

export type VendorGate = <R>(vendor: Vendor, call: () => Promise<R>, options?: CallOptions) => Promise<R>;

/**
 * Applies the vendor's circuit breaker to each call, and measures it. An open circuit refuses calls. After `retryAt` it
 * lets one run at a time make a trial call. `until` is when this run has certainly ended, and its trial call with it.
 *
 * The first call of a trial is the vendor's harmless one (`probes`), if it has one. If that fails, the job makes no call.
 * A step that can never be asked about comes after such a call as soon as one failure is counted. So while a vendor
 * drops connections, not every job pays with an effect that may have happened.
 */
export function vendorGate(
  { circuits, clock, metrics }: { circuits: CircuitBreakers; clock: Clock; metrics: Metrics },
  { job, until, probes = {}, timeoutMs = () => PROBE_MS }: GateOptions,
) {
  /** The open circuits whose trial call is this run's. */
  const trials = new Map<Vendor, Circuit>();
  /** Vendors in trouble that have answered minor calls. */
  const answered = new Set<Vendor>();

  /** Vendors whose harmless call this run has made. */
  const probed = new Set<Vendor>();

  /** Whatever the vendor says about this call, it answers. Only a failure of its own counts. */
  async function probe(vendor: Vendor, trial: boolean): Promise<void> {
    const ask = probes[vendor];
    if (!ask || probed.has(vendor)) return;
    try {
      await measured({ clock, metrics }, vendor, async () => ask({ timeoutMs: timeoutMs(PROBE_MS) }));
    } catch (error) {
      const answers = isOf(vendor, error) && !isOfTheVendor(error);
      if (!answers) {
        trials.delete(vendor);
        throw await (trial ? afterFailedTrial(circuits, vendor, error) : afterFailure(circuits, vendor, error, job));
      }
    }
    probed.add(vendor);
  }

  /** Whether a firewall has refused this call and lets another one through. */
  async function isAboutWords(vendor: Vendor, error: unknown): Promise<boolean> {
    const ask = probes[vendor];
    if (!ask || !(error instanceof FilteredError)) return false;
    const answer = measured({ clock, metrics }, vendor, async () => ask({ timeoutMs: timeoutMs(PROBE_MS) }));
    return answer.then(
      () => true,
      () => false,
    );
  }

  /** `once`: nothing can tell later whether the effect of the call happened. */
  async function enter(
    vendor: Vendor,
    { once = false } = {},
  ): Promise<{ circuit: Circuit | undefined; trial: boolean }> {
    const known = trials.get(vendor);
    if (known) return { circuit: known, trial: true };
    const { circuit, trial } = await circuits.enter(vendor, until);
    if (circuit && trial) trials.set(vendor, circuit);
    if (limitsOf(circuit, clock.now()).paused)
      throw new StopError({ code: VENDOR_PAUSED, message: `${vendor} is paused by an operator`, vendor });
    if (isOpen(circuit) && !trial) throw refusal(vendor, circuit);
    if (trial || (once && circuit && circuit.transients > 0)) await probe(vendor, trial);
    return { circuit, trial };
  }

  async function call<R>(
    vendor: Vendor,
    make: () => Promise<R>,
    { identity, minor, words }: CallOptions = {},
  ): Promise<R> {
    const { circuit, trial } = await enter(vendor);
    let result: R;
    try {
      result = await measured({ clock, metrics }, vendor, make);
    } catch (error) {
      if (words && error instanceof FilteredError) throw error;
      trials.delete(vendor);
      if (!trial) {
        const by = identity === undefined ? job : identityHash(identity);
        throw await afterFailure(
          circuits,
          vendor,
          error,
          words !== false && (await isAboutWords(vendor, error)) ? undefined : by,
        );
      }
      if (!isOf(vendor, error) || !isAboutTheJob(error)) throw await afterFailedTrial(circuits, vendor, error);
      await works(vendor);
      throw error;
    }
    if (!isTroubled(circuit)) return result;
    if (minor) answered.add(vendor);
    else await works(vendor);
    return result;
  }

  /** The call took effect, so a failed write must not fail it. Another success or trial closes the circuit later. */
  async function works(vendor: Vendor): Promise<void> {
    trials.delete(vendor);
    answered.delete(vendor);
    await circuits.close(vendor, job).catch(ignoreStoreError);
  }

  return {
    call,
    /** Does before the start of a step what `call` does before its call. So a refused step is not stored as started. */
    prepare: async (vendor: Vendor) => void (await enter(vendor, { once: true })),
    /** The run has succeeded. If it made only minor calls to a vendor in trouble, that vendor works. */
    succeeded: async () => {
      for (const vendor of [...answered]) await works(vendor);
    },
  };
}

export type RunGate = ReturnType<typeof vendorGate>;

/** An answer about the job, or one that asks us to wait, is no error of the vendor. */
async function measured<R>(
  { clock, metrics }: { clock: Clock; metrics: Metrics },
  vendor: Vendor,
  make: () => Promise<R>,
): Promise<R> {
  const startedAt = clock.now();
  try {
    return await tracedVendor(vendor, make);
  } catch (error) {
    if (!(error instanceof JobError) || isOfTheVendor(error)) metrics.add('VendorErrors', 1, 'Count', { vendor });
    throw error;
  } finally {
    metrics.add('VendorTime', clock.now() - startedAt, 'Milliseconds', { vendor });
  }
}

/** Counts a failure and returns the error of the run. `identity`: whom a 403 refuses, if it names no field. */
async function afterFailure(circuits: CircuitBreakers, vendor: Vendor, error: unknown, identity: string | undefined) {
  if (!isOf(vendor, error)) return error;
  if (error instanceof StopError) await circuits.open(vendor, error.code);
  if (mayBeAboutUs(error) && isOpen(await circuits.forbidden(vendor, identity))) return stop(vendor, error);
  return error;
}

/** Updates the circuit after a failed trial. If the write fails, the trial's lease ends and the next worker tries. */
async function afterFailedTrial(circuits: CircuitBreakers, vendor: Vendor, error: unknown): Promise<unknown> {
  // Our own limit or the end of the invocation stopped the call. The next caller may try at once.
  const failed = isOf(vendor, error) ? error : undefined;
  await circuits.endTrial(vendor, { failed: failed?.code }).catch(ignoreStoreError);
  // A vendor that is still down says nothing about the job, so the trial call costs the job no attempt.
  return failed ? stop(vendor, failed) : error;
}

/** What a call of a vendor with an open circuit gets. Its cause says why the circuit is open. */
const refusal = (vendor: Vendor, { code = 'Unexpected' }: OpenCircuit): StopError =>
  new StopError({
    code: VENDOR_STOPPED,
    message: `the circuit of ${vendor} is open (${code})`,
    vendor,
    cause: new StopError({ code, message: 'the circuit is open', vendor }),
  });

const isOf = (vendor: Vendor, error: unknown): error is JobError =>
  error instanceof JobError && error.vendor === vendor;

/** A 403 that names no field may be about the job, its sender or us. */
export const mayBeAboutUs = (error: unknown): boolean =>
  error instanceof PermanentError && error.status === 403 && error.field === undefined;

/** This includes a 429: a vendor that says how long to wait works, and the job waits for its limit as usual. */
const isAboutTheJob = (error: JobError): boolean => !isOfTheVendor(error) && !mayBeAboutUs(error);

const isOfTheVendor = (error: JobError): boolean => ['transient', 'ambiguous', 'stop'].includes(error.class);

const stop = (vendor: Vendor, cause: JobError): StopError => {
  const { code, message, status } = cause;
  return new StopError({ code, message, vendor, status, cause });
};

export type VendorFailure = JobError & { vendor: Vendor };

/** The vendor's failure that made a run throw, if the vendor failed or may have: not if it refused us or the job. */
export function vendorFailure(thrown: unknown): VendorFailure | undefined {
  if (!(thrown instanceof JobError)) return undefined;
  if (!(thrown instanceof TransientError || thrown instanceof AmbiguousError)) return vendorFailure(thrown.cause);
  return thrown.vendor ? (thrown as VendorFailure) : vendorFailure(thrown.cause);
}

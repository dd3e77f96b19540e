import {
  AmbiguousError,
  ignoreStoreError,
  isRefusal,
  JobError,
  PermanentError,
  StopError,
  TransientError,
  type Vendor,
} from '../errors';
import type { Clock, Metrics } from '../ports';
import {
  type Circuit,
  type CircuitBreakers,
  isOpen,
  isTroubled,
  senderHash,
  VENDOR_DOWN,
  VENDOR_STOPPED,
} from './circuit';

export interface CallOptions {
  /** The identity that the vendor may refuse, for example the from address. The job by default. */
  sender?: string;
  /** The call changes nothing that counts, so its success does not show that the vendor works. */
  minor?: true;
}

/** Lets one job's calls through to a vendor or refuses them, and learns from the answers. */
export type VendorGate = <R>(vendor: Vendor, call: () => Promise<R>, options?: CallOptions) => Promise<R>;

/**
 * Applies the vendor's circuit breaker to each call. An open circuit refuses calls. After `retryAt` it lets one run at
 * a time make a trial call. `until` is when this run has certainly ended, and its trial call with it.
 */
export function vendorGate({ circuits, job, until }: { circuits: CircuitBreakers; job: string; until: number }) {
  /** The open circuits whose trial call is this run's. */
  const trials = new Map<Vendor, Circuit>();
  /** Vendors in trouble that have answered minor calls. */
  const answered = new Set<Vendor>();

  async function enter(vendor: Vendor): Promise<{ circuit: Circuit | undefined; trial: boolean }> {
    const known = trials.get(vendor);
    if (known) return { circuit: known, trial: true };
    const { circuit, trial } = await circuits.enter(vendor, until);
    if (circuit && trial) trials.set(vendor, circuit);
    if (isOpen(circuit) && !trial)
      throw new StopError({
        code: isRefusal(circuit.code) ? VENDOR_STOPPED : VENDOR_DOWN,
        message: `the circuit of ${vendor} is open (${circuit.code})`,
        vendor,
      });
    return { circuit, trial };
  }

  async function call<R>(vendor: Vendor, make: () => Promise<R>, { sender, minor }: CallOptions = {}): Promise<R> {
    const { circuit, trial } = await enter(vendor);
    let result: R;
    try {
      result = await make();
    } catch (error) {
      trials.delete(vendor);
      if (trial) throw await afterTrial(error, vendor);
      throw await afterFailure({ error, vendor, sender: sender === undefined ? job : senderHash(sender) });
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

  async function afterFailure({ error, vendor, sender }: { error: unknown; vendor: Vendor; sender: string }) {
    if (!isOf(vendor, error)) return error;
    if (error instanceof StopError) await circuits.open(vendor, error.code);
    if (isForbidden(error) && isOpen(await circuits.forbidden(vendor, sender))) return stop(vendor, error);
    return error;
  }

  /** Updates the circuit after a failed trial. If the write fails, the trial's lease ends and the next worker tries. */
  async function afterTrial(error: unknown, vendor: Vendor): Promise<unknown> {
    if (!isOf(vendor, error)) {
      // The worker made no call: our own limit or the end of its invocation stopped it. The next caller may try at
      // once.
      await circuits.endTrial(vendor, { failed: false }).catch(ignoreStoreError);
      return error;
    }
    if (isAboutTheJob(error)) {
      await works(vendor);
      return error;
    }
    await circuits.endTrial(vendor, { failed: true }).catch(ignoreStoreError);
    // A vendor that is still down says nothing about the job, so the trial call costs the job no attempt.
    return stop(vendor, error);
  }

  return {
    call,
    /** Does before the start of a step what `call` does before its call. So a refused step is not stored as started. */
    prepare: async (vendor: Vendor) => void (await enter(vendor)),
    /** The run has succeeded. If it made only minor calls to a vendor in trouble, that vendor works. */
    succeeded: async () => {
      for (const vendor of [...answered]) await works(vendor);
    },
  };
}

export type RunGate = ReturnType<typeof vendorGate>;

const isOf = (vendor: Vendor, error: unknown): error is JobError =>
  error instanceof JobError && error.vendor === vendor;

/** A 403 that names no field may be about the job, its sender or us. */
const isForbidden = (error: JobError): boolean =>
  error instanceof PermanentError && error.status === 403 && error.field === undefined;

/** This includes a 429: a vendor that says how long to wait works, and the job waits for its limit as usual. */
const isAboutTheJob = (error: JobError): boolean =>
  !(
    error instanceof StopError ||
    error instanceof TransientError ||
    error instanceof AmbiguousError ||
    isForbidden(error)
  );

const stop = (vendor: Vendor, cause: JobError): StopError =>
  new StopError({
    code: cause.code,
    message: cause.message,
    vendor,
    ...(cause.status ? { status: cause.status } : {}),
    cause,
  });

export type VendorFailure = JobError & { vendor: Vendor };

/** The vendor's failure behind what a run threw, if the vendor failed or may have: not if it refused us or the job. */
export function vendorFailure(thrown: unknown): VendorFailure | undefined {
  if (!(thrown instanceof JobError)) return undefined;
  if (!(thrown instanceof TransientError || thrown instanceof AmbiguousError)) return vendorFailure(thrown.cause);
  return thrown.vendor ? (thrown as VendorFailure) : vendorFailure(thrown.cause);
}

/** Measures calls to a vendor. An answer about the job, or that asks us to wait, is no error of the vendor. */
export function measuredGate(call: VendorGate, { clock, metrics }: { clock: Clock; metrics: Metrics }): VendorGate {
  return (vendor, make, options) => call(vendor, () => measured(vendor, make), options);

  async function measured<R>(vendor: Vendor, make: () => Promise<R>): Promise<R> {
    const startedAt = clock.now();
    const dimensions = { vendor };
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof JobError) || ['transient', 'ambiguous', 'stop'].includes(error.class))
        metrics.add('VendorErrors', 1, 'Count', dimensions);
      throw error;
    } finally {
      metrics.add('VendorTime', clock.now() - startedAt, 'Milliseconds', dimensions);
    }
  }
}

import {
  AmbiguousError,
  JobError,
  PermanentError,
  StopError,
  StoreError,
  TransientError,
  type Vendor,
} from '../errors';
import { type CircuitBreakers, isOpen, isTroubled, senderHash, VENDOR_STOPPED } from './circuit';

/**
 * Lets one job's calls through to a vendor, or not, and learns from the answers. `sender`: in whose name the call is
 * made, where the vendor refuses by that; the job itself where nothing is said.
 */
export type VendorGate = <R>(vendor: Vendor, call: () => Promise<R>, options?: { sender?: string }) => Promise<R>;

/**
 * Applies the vendor's circuit breaker to each call. An open circuit refuses the call, but for one trial call at a time
 * once `retryAt` has passed. `until`: when this run has certainly ended, and with it a trial call that it took.
 */
export function vendorGate({
  circuits,
  job,
  until,
}: {
  circuits: CircuitBreakers;
  job: string;
  until: number;
}): VendorGate {
  return async (vendor, call, { sender } = {}) => {
    const { circuit, trial } = await circuits.enter(vendor, until);
    if (isOpen(circuit) && !trial)
      throw new StopError({ code: VENDOR_STOPPED, message: `${vendor} is stopped (${circuit.code})`, vendor });

    let result: Awaited<ReturnType<typeof call>>;
    try {
      result = await call();
    } catch (error) {
      if (trial) throw await tried(error, vendor);
      throw await learned({ error, vendor, sender: sender === undefined ? job : senderHash(sender) });
    }
    // What was done stays done: where the circuit cannot be closed now, another success or the next trial closes it.
    if (isTroubled(circuit)) await circuits.close(vendor).catch(ignoreStoreError);
    return result;
  };

  async function learned({ error, vendor, sender }: { error: unknown; vendor: Vendor; sender: string }) {
    if (!isOf(vendor, error)) return error;
    if (error instanceof StopError) await circuits.open(vendor, error.code);
    if (isForbidden(error) && isOpen(await circuits.forbidden(vendor, sender))) return stop(vendor, error);
    return error;
  }

  /** The trial call failed. Where this cannot be written, its lease ends and the next worker tries. */
  async function tried(error: unknown, vendor: Vendor): Promise<unknown> {
    if (!isOf(vendor, error)) {
      // No call was made: a limit of our own, or the end of this invocation. The next caller may try at once.
      await circuits.endTrial(vendor, { failed: false }).catch(ignoreStoreError);
      return error;
    }
    if (isAboutTheJob(error)) {
      await circuits.close(vendor).catch(ignoreStoreError);
      return error;
    }
    await circuits.endTrial(vendor, { failed: true }).catch(ignoreStoreError);
    // A vendor that is still down says nothing about the job: the trial costs it no attempt.
    return stop(vendor, error);
  }
}

const isOf = (vendor: Vendor, error: unknown): error is JobError =>
  error instanceof JobError && error.vendor === vendor;

/** A 403 that names no field may be about the job, about its sender, or about us. */
const isForbidden = (error: JobError): boolean =>
  error instanceof PermanentError && error.status === 403 && error.field === undefined;

/** Also a 429: a vendor that says how long to wait is well, and its limit is waited for as ever. */
const isAboutTheJob = (error: JobError): boolean =>
  !(
    error instanceof StopError ||
    error instanceof TransientError ||
    error instanceof AmbiguousError ||
    isForbidden(error)
  );

function ignoreStoreError(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
}

const stop = (vendor: Vendor, cause: JobError): StopError =>
  new StopError({
    code: cause.code,
    message: cause.message,
    vendor,
    ...(cause.status ? { status: cause.status } : {}),
    cause,
  });

import {
  AmbiguousError,
  ignoreStoreError,
  JobError,
  PermanentError,
  StopError,
  TransientError,
  type Vendor,
} from '../errors';
import { type CircuitBreakers, isOpen, isTroubled, senderHash, VENDOR_STOPPED } from './circuit';

/**
 * Lets one job's calls through to a vendor or refuses them, and learns from the answers. `sender` is the identity that
 * the vendor may refuse, for example the from address. It defaults to the job.
 */
export type VendorGate = <R>(vendor: Vendor, call: () => Promise<R>, options?: { sender?: string }) => Promise<R>;

/**
 * Applies the vendor's circuit breaker to each call. An open circuit refuses calls. After `retryAt` it lets one trial
 * call through at a time. `until` is when this run has certainly ended, and its trial call with it.
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
      throw new StopError({
        code: VENDOR_STOPPED,
        message: `the circuit of ${vendor} is open (${circuit.code})`,
        vendor,
      });

    let result: Awaited<ReturnType<typeof call>>;
    try {
      result = await call();
    } catch (error) {
      if (trial) throw await afterTrial(error, vendor);
      throw await afterFailure({ error, vendor, sender: sender === undefined ? job : senderHash(sender) });
    }
    // The call took effect, so a failed write must not fail it. Another success or trial call closes the circuit later.
    if (isTroubled(circuit)) await circuits.close(vendor).catch(ignoreStoreError);
    return result;
  };

  async function afterFailure({ error, vendor, sender }: { error: unknown; vendor: Vendor; sender: string }) {
    if (!isOf(vendor, error)) return error;
    if (error instanceof StopError) await circuits.open(vendor, error.code);
    if (isForbidden(error) && isOpen(await circuits.forbidden(vendor, sender))) return stop(vendor, error);
    return error;
  }

  /** Updates the circuit after a failed trial call. If the write fails, the trial's lease ends and the next worker tries. */
  async function afterTrial(error: unknown, vendor: Vendor): Promise<unknown> {
    if (!isOf(vendor, error)) {
      // The worker made no call: our own limit or the end of its invocation stopped it. The next caller may try at once.
      await circuits.endTrial(vendor, { failed: false }).catch(ignoreStoreError);
      return error;
    }
    if (isAboutTheJob(error)) {
      await circuits.close(vendor).catch(ignoreStoreError);
      return error;
    }
    await circuits.endTrial(vendor, { failed: true }).catch(ignoreStoreError);
    // A vendor that is still down says nothing about the job, so the trial call costs the job no attempt.
    return stop(vendor, error);
  }
}

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

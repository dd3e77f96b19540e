import {
  AmbiguousError,
  JobError,
  PermanentError,
  StopError,
  StoreError,
  TransientError,
  type Vendor,
} from '../errors';
import { ANYONE, type CircuitBreakers } from './circuit';

/** Lets one job's calls through to a vendor, or not, and learns from the answers. */
export type VendorGate = <R>(vendor: Vendor, call: () => Promise<R>) => Promise<R>;

/**
 * Reads the vendor's circuit before each call. A stopped vendor is called by its probe alone; what refuses us, rather
 * than the job, raises the circuit, and any answer about the job lowers it again.
 */
export function vendorGate({ circuits, job }: { circuits: CircuitBreakers; job: string }): VendorGate {
  return async (vendor, call) => {
    const circuit = await circuits.read(vendor);
    const stopped = circuit?.stoppedAt !== undefined;
    if (stopped && !(await mayProbe(circuit.probe?.job, vendor)))
      throw new StopError({ code: 'VendorStopped', message: `${vendor} is stopped (${circuit.code})`, vendor });
    const unsettled = stopped || (circuit?.transients ?? 0) > 0 || (circuit?.forbidden.length ?? 0) > 0;

    let result: Awaited<ReturnType<typeof call>>;
    try {
      result = await call();
    } catch (error) {
      throw await learned({ error, vendor, stopped });
    }
    // What was done stays done: another success, or the next probe, lowers a circuit that could not be lowered now.
    if (unsettled) await circuits.close(vendor).catch(ignoreStoreError);
    return result;
  };

  async function mayProbe(probe: string | undefined, vendor: Vendor): Promise<boolean> {
    return probe === job || (probe === ANYONE && (await circuits.takeProbe(vendor, job)));
  }

  async function learned({ error, vendor, stopped }: { error: unknown; vendor: Vendor; stopped: boolean }) {
    if (!(error instanceof JobError) || error.vendor !== vendor) return error;
    if (error instanceof StopError) {
      await circuits.open(vendor, error.code);
      return error;
    }
    if (error instanceof PermanentError && error.status === 403) {
      const circuit = await circuits.forbidden(vendor, job);
      return circuit?.stoppedAt === undefined ? error : stop(vendor, error);
    }
    // A probe that finds the vendor still down says nothing about its job: it costs it no attempt.
    if (stopped && (error instanceof TransientError || error instanceof AmbiguousError)) return stop(vendor, error);
    if (stopped) await circuits.close(vendor);
    return error;
  }
}

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

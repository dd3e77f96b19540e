import type { Vendor } from '../errors';
import { sha256 } from '../jobs/envelope';
import { type ItemDeps, readItem, updateItem } from '../jobs/items';
import { vendorKey } from '../jobs/keys';
import { CLOCK_SKEW_MS, type Item } from '../ports';

/** One vendor's circuit breaker as the table stores it. Times are milliseconds since 1970. */
export interface Circuit extends Item {
  /** When it opened. While it is open, no worker calls the vendor. Absent if it is closed. */
  stoppedAt?: number;
  /** The code of the error that opened it. */
  code?: string;
  /** It is half-open from then on: one worker at a time may make a trial call. If absent, it is half-open at once. */
  retryAt?: number;
  /** A worker makes the trial call. Its invocation has certainly ended at `until`. */
  trial?: { until: number };
  /** Hashes of senders (or job ids) that got a 403 without a field since the last success. */
  forbidden: string[];
  /** How many such 403s came in a row, from any sender. */
  refusals?: number;
  /** Attempts that failed as transient since the last success. */
  transients: number;
  /** Trial calls that failed since it opened. */
  failedTrials?: number;
  /** The last two jobs for which the vendor worked while the circuit was open or counted failures, and when. */
  worked?: { job: string; at: number }[];
}

export type OpenCircuit = Circuit & { stoppedAt: number };

/** The codes of a call that an open circuit refuses: the vendor refuses us, or it is down. Rows store them. */
export const VENDOR_STOPPED = 'VendorStopped';
export const VENDOR_DOWN = 'VendorDown';
/** Time from the failed call to the first trial call. It doubles with each trial call that fails. */
const RETRY_MS = 60_000;
export const LONGEST_RETRY_MS = 15 * RETRY_MS;
/** If a vendor refuses two senders with no success between, we are the cause and not the senders. */
const MOST_SENDERS = 2;
/** The limit for an instance with one sender: a key that lost its scope must not end all its jobs as dead. */
const MOST_REFUSALS = 50;
const MOST_TRANSIENTS = 5;
/** A process trusts its last read of a closed circuit this long. So it sees a circuit that opens this much later. */
export const KEPT_MS = 2_000;

export const isOpen = (circuit: Circuit | undefined): circuit is OpenCircuit => circuit?.stoppedAt !== undefined;

/** Whether an open circuit lets the next caller make a trial call. */
export const isHalfOpen = ({ retryAt = 0, trial }: OpenCircuit, now: number): boolean =>
  retryAt <= now && (trial === undefined || trial.until <= now);

/** Whether the circuit is open or counts failures. A success clears both. */
export const isTroubled = (circuit: Circuit | undefined): boolean =>
  circuit !== undefined && (isOpen(circuit) || circuit.transients > 0 || circuit.forbidden.length > 0);

/** Whether the vendor has worked for a job other than this since a time. Allows for the difference of two clocks. */
export const workedForOthers = (
  circuit: Circuit | undefined,
  { job, since }: { job: string; since: number },
): boolean => (circuit?.worked ?? []).some((one) => one.job !== job && one.at - CLOCK_SKEW_MS > since);

/** The stored form of a sender. A shared item must not hold an address. */
export const senderHash = (sender: string): string => sha256(sender.toLowerCase()).slice(0, 16);

export function circuitBreakers(deps: ItemDeps) {
  const closed = (vendor: Vendor): Circuit => ({
    key: vendorKey(vendor),
    version: 0,
    writer: '',
    forbidden: [],
    transients: 0,
  });
  /** Closed circuits without failures, each with the time of its read. */
  const kept = new Map<Vendor, { circuit: Circuit | undefined; readAt: number }>();
  let changes = 0;
  const change = async (vendor: Vendor, next: (circuit: Circuit) => Circuit | undefined) => {
    try {
      const { item } = await updateItem<Circuit>(deps, vendorKey(vendor), (stored) => next(stored ?? closed(vendor)));
      return item;
    } finally {
      kept.delete(vendor);
      changes++;
    }
  };
  const opened = (circuit: Circuit, code: string): Circuit => {
    const now = deps.clock.now();
    return { ...circuit, stoppedAt: now, code, retryAt: now + RETRY_MS, failedTrials: 0 };
  };

  return {
    read: async (vendor: Vendor) => (await readItem(deps, vendorKey(vendor))) as Circuit | undefined,

    /**
     * Reads the circuit before a call. `trial` says that this call is the only trial call until `until`. A closed
     * circuit without failures is kept for `KEPT_MS`. This process forgets it when it counts a failure or a success.
     */
    enter: async (vendor: Vendor, until: number) => {
      const readAt = deps.clock.now();
      const before = kept.get(vendor);
      if (before && Math.abs(readAt - before.readAt) < KEPT_MS) return { circuit: before.circuit, trial: false };
      const changesBefore = changes;
      const { changed, item } = await updateItem<Circuit>(deps, vendorKey(vendor), (circuit) =>
        isOpen(circuit) && isHalfOpen(circuit, deps.clock.now()) ? { ...circuit, trial: { until } } : undefined,
      );
      // A read that began before a change of this process may not show that change.
      if (!isTroubled(item) && changes === changesBefore) kept.set(vendor, { circuit: item, readAt });
      return { circuit: item, trial: changed };
    },

    open: (vendor: Vendor, code: string) =>
      change(vendor, (circuit) => (isOpen(circuit) ? undefined : opened(circuit, code))),

    /** Ends the trial call and leaves the circuit open. A failed trial call also sets the time of the next one. */
    endTrial: (vendor: Vendor, { failed }: { failed: boolean }) =>
      change(vendor, ({ trial: _over, ...circuit }) => {
        if (!isOpen(circuit)) return undefined;
        if (!failed) return circuit;
        const failedTrials = (circuit.failedTrials ?? 0) + 1;
        const waitMs = Math.min(RETRY_MS * 2 ** failedTrials, LONGEST_RETRY_MS);
        return { ...circuit, failedTrials, retryAt: deps.clock.now() + waitMs };
      }),

    /** Closes the circuit, because the vendor worked for a job. */
    close: (vendor: Vendor, job: string) =>
      change(vendor, (circuit) => {
        if (!isTroubled(circuit)) return undefined;
        const others = (circuit.worked ?? []).filter((one) => one.job !== job);
        return { ...closed(vendor), worked: [{ job, at: deps.clock.now() }, ...others.slice(0, 1)] };
      }),

    /** Counts a 403 that names no field. */
    forbidden: (vendor: Vendor, sender: string) =>
      change(vendor, (circuit) => {
        if (isOpen(circuit)) return undefined;
        const forbidden = [...new Set([...circuit.forbidden, sender])].slice(-MOST_SENDERS);
        const refusals = (circuit.refusals ?? 0) + 1;
        const next = { ...circuit, forbidden, refusals };
        return forbidden.length >= MOST_SENDERS || refusals >= MOST_REFUSALS ? opened(next, 'Forbidden') : next;
      }),

    transient: (vendor: Vendor, code: string) =>
      change(vendor, (circuit) => {
        if (isOpen(circuit)) return undefined;
        const next = { ...circuit, transients: circuit.transients + 1 };
        return next.transients >= MOST_TRANSIENTS ? opened(next, code) : next;
      }),
  };
}

export type CircuitBreakers = ReturnType<typeof circuitBreakers>;

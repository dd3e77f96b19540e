import type { Vendor } from '../errors';
import { sha256 } from '../jobs/envelope';
import { vendorKey } from '../jobs/keys';
import { type ItemDeps, readItem, updateItem } from '../jobs/ledger';
import type { Item } from '../ports';

/** One vendor's circuit breaker as the table keeps it. Times are milliseconds since 1970. */
export interface Circuit extends Item {
  /** Since when it is open: no worker calls the vendor. Closed where it is absent. */
  stoppedAt?: number;
  /** Why it is open: the error's code. */
  code?: string;
  /** From then on it is half-open: one worker at a time may make a trial call. At once where it is absent. */
  retryAt?: number;
  /** The trial call is taken, until its worker's invocation has certainly ended. */
  trial?: { until: number };
  /** Senders that drew a 403 without a field since the last success, as hashes; jobs where the vendor has no senders. */
  forbidden: string[];
  /** How many such 403s there were in a row, from whatever sender. */
  refusals?: number;
  /** Counted attempts that ended as transient since the last success. */
  transients: number;
}

export type OpenCircuit = Circuit & { stoppedAt: number };

/** The code of a call that an open circuit refuses; a stored contract, as it stands in rows. */
export const VENDOR_STOPPED = 'VendorStopped';
/** From a failed call to the next trial call. */
const RETRY_MS = 60_000;
/** Two senders refused, with no success between, are our fault and not theirs. */
const MOST_SENDERS = 2;
/** The same for an instance with a single sender, whose jobs must not all die of a key that lost its scope. */
const MOST_REFUSALS = 50;
const MOST_TRANSIENTS = 5;

export const isOpen = (circuit: Circuit | undefined): circuit is OpenCircuit => circuit?.stoppedAt !== undefined;

/** Whether an open circuit lets the next caller make a trial call. */
export const isHalfOpen = ({ retryAt = 0, trial }: OpenCircuit, now: number): boolean =>
  retryAt <= now && (trial === undefined || trial.until <= now);

/** Whether there is anything that a success would put right. */
export const isTroubled = (circuit: Circuit | undefined): boolean =>
  circuit !== undefined && (isOpen(circuit) || circuit.transients > 0 || circuit.forbidden.length > 0);

/** How a sender is stored: an address may stand in no shared item. */
export const senderHash = (sender: string): string => sha256(sender.toLowerCase()).slice(0, 16);

/** The vendors' circuit breakers in the jobs table. */
export function circuitBreakers(deps: ItemDeps) {
  const closed = (vendor: Vendor): Circuit => ({
    key: vendorKey(vendor),
    version: 0,
    writer: '',
    forbidden: [],
    transients: 0,
  });
  const change = async (vendor: Vendor, next: (circuit: Circuit) => Circuit | undefined) => {
    const { item } = await updateItem<Circuit>(deps, vendorKey(vendor), (stored) => next(stored ?? closed(vendor)));
    return item;
  };
  const opened = (circuit: Circuit, code: string): Circuit => {
    const now = deps.clock.now();
    return { ...circuit, stoppedAt: now, code, retryAt: now + RETRY_MS };
  };

  return {
    read: async (vendor: Vendor) => (await readItem(deps, vendorKey(vendor))) as Circuit | undefined,

    /** The circuit as a call finds it. `trial`: this call is the trial call now, and no other until `until`. */
    enter: async (vendor: Vendor, until: number) => {
      const { changed, item } = await updateItem<Circuit>(deps, vendorKey(vendor), (circuit) =>
        isOpen(circuit) && isHalfOpen(circuit, deps.clock.now()) ? { ...circuit, trial: { until } } : undefined,
      );
      return { circuit: item, trial: changed };
    },

    open: (vendor: Vendor, code: string) =>
      change(vendor, (circuit) => (isOpen(circuit) ? undefined : opened(circuit, code))),

    /** Ends the trial and leaves the circuit open. One that failed sets the time of the next. */
    endTrial: (vendor: Vendor, { failed }: { failed: boolean }) =>
      change(vendor, ({ trial: _over, ...circuit }) => {
        if (!isOpen(circuit)) return undefined;
        return failed ? { ...circuit, retryAt: deps.clock.now() + RETRY_MS } : circuit;
      }),

    close: (vendor: Vendor) => change(vendor, (circuit) => (isTroubled(circuit) ? closed(vendor) : undefined)),

    /** Notes a 403 that names no field. */
    forbidden: (vendor: Vendor, sender: string) =>
      change(vendor, (circuit) => {
        if (isOpen(circuit)) return undefined;
        const forbidden = [...new Set([...circuit.forbidden, sender])].slice(-MOST_SENDERS);
        // Older code empties the list and leaves the number.
        const refusals = circuit.forbidden.length > 0 ? (circuit.refusals ?? 0) + 1 : 1;
        const next = { ...circuit, forbidden, refusals };
        return forbidden.length >= MOST_SENDERS || refusals >= MOST_REFUSALS ? opened(next, 'Forbidden') : next;
      }),

    /** Notes an attempt that ended as transient. */
    transient: (vendor: Vendor, code: string) =>
      change(vendor, (circuit) => {
        if (isOpen(circuit)) return undefined;
        const next = { ...circuit, transients: circuit.transients + 1 };
        return next.transients >= MOST_TRANSIENTS ? opened(next, code) : next;
      }),
  };
}

export type CircuitBreakers = ReturnType<typeof circuitBreakers>;

import * as z from 'zod';
import type { Vendor } from '../../platform/errors';
import type { Clock, ItemHead } from '../../platform/ports';
import {
  count,
  damagedPause,
  fieldAtFault,
  headSchema,
  type ItemDeps,
  type Limit,
  limitSchema,
  readItem,
  sound,
  time,
  updateItem,
} from '../jobs/items';
import { vendorKey } from '../jobs/keys';
import { CLOCK_SKEW_MS, type Owed } from '../jobs/row';

/** One vendor's circuit breaker as the table stores it. Times are milliseconds since 1970. */
const circuitSchema = z.object({
  ...headSchema,
  /** When it opened. While it is open, no worker calls the vendor. Absent if it is closed. */
  stoppedAt: time.optional(),
  /** What opened it, or what the last trial call got: why the vendor is useless now. */
  code: z.string().optional(),
  /** It is half-open from then on: one worker at a time may make a trial call. If absent, it is half-open at once. */
  retryAt: time.optional(),
  /** A worker makes the trial call. Its invocation has certainly ended at `until`. */
  trial: z.object({ until: time }).optional(),
  /** The identities that got a 403 without a field since the last success: hashes of addresses, or job ids. */
  forbidden: z.array(z.string()),
  /** How many such 403s came in a row, for any identity. */
  refusals: count.optional(),
  /** Attempts that failed as transient since the last success, and when they began to, with what. */
  transients: count,
  failing: z.object({ since: time, code: z.string() }).optional(),
  failedTrials: count.optional(),
  /** The last two jobs for which the vendor worked while the circuit was open or counted failures, and when. */
  worked: z.array(z.object({ job: z.string(), at: time })).optional(),
  /** An operator's pause: no worker calls the vendor. */
  paused: limitSchema.optional(),
  /** How long earlier pauses lasted in all, ms. */
  pausedMs: time.optional(),
  /** An operator's rate, in place of the setting. */
  rate: limitSchema.extend({ perSecond: z.number().positive() }).optional(),
});

export type Circuit = z.infer<typeof circuitSchema>;

type Limits = Pick<Circuit, 'paused' | 'rate'>;

export type OpenCircuit = Circuit & { stoppedAt: number };

/** Time from the failed call to the first trial call. It doubles with each trial call that fails. */
const RETRY_MS = 60_000;
export const LONGEST_RETRY_MS = 5 * RETRY_MS;
/** If a vendor refuses two identities with no success between, we are the cause and not they. */
const MOST_IDENTITIES = 2;
/** The limit for an instance with one identity: a key that lost its scope must not end all its jobs as dead. */
const MOST_REFUSALS = 50;
const MOST_TRANSIENTS = 5;
/** With so few failures for so long, few jobs ask the vendor, and its circuit opens late. One may be its job's own fault. */
const FEW_TRANSIENTS = 2;
const FAILING_MS = 10 * 60_000;
/** A process trusts its last read of a closed circuit this long. So it sees a circuit that opens this much later. */
export const TRUSTED_MS = 2_000;

export const isOpen = (circuit: Circuit | undefined): circuit is OpenCircuit => circuit?.stoppedAt !== undefined;

export function limitsOf({ paused, rate }: Limits = {}, now: number): Limits {
  const lasts = ({ until = Number.POSITIVE_INFINITY }: Limit) => until > now;
  return { paused: paused && lasts(paused) ? paused : undefined, rate: rate && lasts(rate) ? rate : undefined };
}

/** How long operators have paused the vendor in all, this pause included, in ms. */
function pausedFor({ paused, pausedMs = 0 }: Pick<Circuit, 'paused' | 'pausedMs'> = {}, now: number): number {
  return paused ? pausedMs + Math.max(0, Math.min(now, paused.until ?? now) - paused.at) : pausedMs;
}

/** What is owed, with the pauses of its vendor up to now. A pause stops the clock of its wait. */
export function withPauses(owed: Owed, circuit: Circuit | undefined, now: number): Owed {
  const pausedMs = pausedFor(circuit, now);
  const { until, pausedMs: known = pausedMs } = owed;
  return { ...owed, pausedMs, ...(until === undefined ? {} : { until: until + pausedMs - known }) };
}

/** The code of what makes a vendor useless: its circuit is open, or few calls failed for ten minutes without a success. */
export function codeOfOutage(circuit: Circuit | undefined, now: number): string | undefined {
  if (isOpen(circuit)) return circuit.code;
  const { transients = 0, failing } = circuit ?? {};
  return failing && transients >= FEW_TRANSIENTS && failing.since <= now - FAILING_MS ? failing.code : undefined;
}

/** Only a trial call may reach the vendor. */
export const isStopped = (circuit: Circuit | undefined, now: number): boolean =>
  isOpen(circuit) || limitsOf(circuit, now).paused !== undefined;

/** Whether an open circuit lets the next caller make a trial call. That of a paused vendor does not. */
export const isHalfOpen = (circuit: OpenCircuit, now: number): boolean =>
  (circuit.retryAt ?? 0) <= now && (circuit.trial?.until ?? 0) <= now && !limitsOf(circuit, now).paused;

/** When an open circuit lets the next trial call through, ms since 1970. `undefined`: it is closed, or its vendor is paused. */
export const nextTrialAt = (circuit: Circuit | undefined, now: number): number | undefined =>
  isOpen(circuit) && !limitsOf(circuit, now).paused
    ? Math.max(circuit.retryAt ?? 0, circuit.trial?.until ?? 0)
    : undefined;

/** Whether the circuit is open or counts failures. A success clears both. */
export const isTroubled = (circuit: Circuit | undefined): boolean =>
  circuit !== undefined &&
  (isOpen(circuit) || circuit.transients > 0 || circuit.forbidden.length > 0 || circuit.refusals !== undefined);

/** Whether the vendor has worked for a job other than this since a time. Allows for the difference of two clocks. */
export const workedForOthers = (
  circuit: Circuit | undefined,
  { job, since }: { job: string; since: number },
): boolean => (circuit?.worked ?? []).some((one) => one.job !== job && one.at - CLOCK_SKEW_MS > since);

const closed = (vendor: Vendor): Circuit => ({
  key: vendorKey(vendor),
  version: 0,
  writer: '',
  forbidden: [],
  transients: 0,
});

const opened = (circuit: Circuit, code: string, now: number): Circuit => ({
  ...circuit,
  stoppedAt: now,
  code,
  retryAt: now + RETRY_MS,
  failedTrials: 0,
});

/** The circuit without its trial call. A failed trial, with its code, also sets the time of the next trial. */
function afterTrial({ trial: _over, ...circuit }: OpenCircuit, code: string | undefined, now: number): Circuit {
  if (code === undefined) return circuit;
  const failedTrials = (circuit.failedTrials ?? 0) + 1;
  const waitMs = Math.min(RETRY_MS * 2 ** failedTrials, LONGEST_RETRY_MS);
  return { ...circuit, code, failedTrials, retryAt: now + waitMs };
}

function afterSuccess(circuit: Circuit, job: string, now: number): Circuit {
  const { stoppedAt: _at, code: _code, retryAt: _next, trial: _trial, failedTrials: _failed, ...rest } = circuit;
  const { refusals: _refusals, failing: _failing, worked = [], ...others } = rest;
  const before = worked.filter((one) => one.job !== job).slice(0, 1);
  return { ...others, forbidden: [], transients: 0, worked: [{ job, at: now }, ...before] };
}

function afterForbidden(circuit: Circuit, identity: string | undefined, now: number): Circuit {
  const identities = identity === undefined ? [] : [identity];
  const forbidden = [...new Set([...circuit.forbidden, ...identities])].slice(-MOST_IDENTITIES);
  const refusals = (circuit.refusals ?? 0) + 1;
  const next = { ...circuit, forbidden, refusals };
  return forbidden.length >= MOST_IDENTITIES || refusals >= MOST_REFUSALS ? opened(next, 'Forbidden', now) : next;
}

function afterTransient(circuit: Circuit, code: string, now: number): Circuit {
  const failing = circuit.failing ?? { since: now, code };
  const next = { ...circuit, transients: circuit.transients + 1, failing };
  return next.transients >= MOST_TRANSIENTS ? opened(next, code, now) : next;
}

/** A damaged item reads as a pause, so its jobs wait until a person restores it. Nothing replaces it meanwhile. */
const known = (clock: Clock, vendor: Vendor, stored: ItemHead | undefined): Circuit | undefined =>
  fieldAtFault(circuitSchema, stored) === undefined
    ? (stored as Circuit | undefined)
    : { ...closed(vendor), paused: damagedPause(vendorKey(vendor), clock) };

/** What this process knows of the circuits from its own calls. */
function circuitsSeen(deps: ItemDeps) {
  const { clock } = deps;
  /** Closed circuits without failures, each with the time of its read. */
  const trusted = new Map<Vendor, { circuit: Circuit | undefined; readAt: number }>();
  const last = new Map<Vendor, Circuit | undefined>();
  let changes = 0;
  return {
    /**
     * Reads the circuit before a call. `trial` says that this call is the only trial call until `until`. A closed
     * circuit without failures is trusted for `TRUSTED_MS`, or until this process counts a failure or a success.
     */
    enter: async (vendor: Vendor, until: number): Promise<{ circuit: Circuit | undefined; trial: boolean }> => {
      const readAt = clock.now();
      const before = trusted.get(vendor);
      if (before && Math.abs(readAt - before.readAt) < TRUSTED_MS) return { circuit: before.circuit, trial: false };
      const changesBefore = changes;
      const { changed, item: stored } = await updateItem<Circuit>(deps, vendorKey(vendor), (before) => {
        const circuit = known(clock, vendor, before);
        return isOpen(circuit) && isHalfOpen(circuit, clock.now()) ? { ...circuit, trial: { until } } : undefined;
      });
      const circuit = known(clock, vendor, stored);
      last.set(vendor, circuit);
      // A read that began before a change of this process may not show that change.
      if (!isTroubled(circuit) && changes === changesBefore) trusted.set(vendor, { circuit, readAt });
      return { circuit, trial: changed };
    },
    /** The rate that an operator has set, as this process knows it since its last call. */
    rate: (vendor: Vendor): number | undefined => limitsOf(last.get(vendor), clock.now()).rate?.perSecond,
    forget: (vendor: Vendor) => {
      trusted.delete(vendor);
      changes++;
    },
  };
}

export function circuitBreakers(deps: ItemDeps) {
  const { enter, rate, forget } = circuitsSeen(deps);
  const now = () => deps.clock.now();
  const change = async (vendor: Vendor, next: (circuit: Circuit) => Circuit | undefined) => {
    try {
      const { item } = await updateItem<Circuit>(deps, vendorKey(vendor), (stored) =>
        next(stored ? sound(circuitSchema, stored) : closed(vendor)),
      );
      return item;
    } finally {
      forget(vendor);
    }
  };
  const whileOpen = (vendor: Vendor, next: (circuit: OpenCircuit) => Circuit) =>
    change(vendor, (circuit) => (isOpen(circuit) ? next(circuit) : undefined));
  const whileClosed = (vendor: Vendor, next: (circuit: Circuit) => Circuit) =>
    change(vendor, (circuit) => (isOpen(circuit) ? undefined : next(circuit)));

  return {
    enter,
    rate,
    /** That of a damaged item is paused by `DAMAGED`. Methods that change one reject with a StoreError. */
    read: async (vendor: Vendor) => known(deps.clock, vendor, await readItem(deps, vendorKey(vendor))),
    open: (vendor: Vendor, code: string) => whileClosed(vendor, (circuit) => opened(circuit, code, now())),
    /** Ends the trial call and leaves the circuit open. `failed`: with what the vendor failed it, if it did. */
    endTrial: (vendor: Vendor, { failed }: { failed?: string | undefined }) =>
      whileOpen(vendor, (circuit) => afterTrial(circuit, failed, now())),
    /** The next call is a trial call, whatever the clock of its worker says. */
    tryNow: (vendor: Vendor) => whileOpen(vendor, (circuit) => ({ ...circuit, retryAt: circuit.stoppedAt })),
    close: (vendor: Vendor, job: string) =>
      change(vendor, (circuit) => (isTroubled(circuit) ? afterSuccess(circuit, job, now()) : undefined)),
    /** Without an identity, only many in a row open the circuit. */
    forbidden: (vendor: Vendor, identity: string | undefined) =>
      whileClosed(vendor, (circuit) => afterForbidden(circuit, identity, now())),
    transient: (vendor: Vendor, code: string) => whileClosed(vendor, (circuit) => afterTransient(circuit, code, now())),
    /** Sets what an operator decides. A property that is `undefined` ends it. */
    limit: (vendor: Vendor, limits: Limits) =>
      change(vendor, (circuit) => {
        const pausedMs = 'paused' in limits ? pausedFor(circuit, now()) : circuit.pausedMs;
        return { ...circuit, ...limits, pausedMs };
      }),
  };
}

export type CircuitBreakers = ReturnType<typeof circuitBreakers>;

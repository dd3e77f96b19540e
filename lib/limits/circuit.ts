import type { Vendor } from '../errors';
import { vendorKey } from '../jobs/keys';
import { type ItemDeps, readItem, updateItem } from '../jobs/ledger';
import type { Item } from '../ports';

/** What the table knows of one vendor; opened (`stoppedAt`) it keeps every call from it but a probe's. */
export interface Circuit extends Item {
  stoppedAt?: number;
  /** Why: the error's code. */
  code?: string;
  /** Jobs that drew a 403 since the last success. */
  forbidden: string[];
  /** Counted attempts that ended as transient since the last success. */
  transients: number;
  /** The one job that may call a stopped vendor; `anyone`: the next that asks. */
  probe?: { job: string; at: number };
}

export const ANYONE = 'anyone';
/** Two jobs refused for good, with no success between, are our fault and not theirs. */
const MOST_FORBIDDEN = 2;
const MOST_TRANSIENTS = 5;

/** The circuits of the vendors in the jobs table. */
export function circuitBreakers(deps: ItemDeps) {
  const change = async (vendor: Vendor, next: (circuit: Circuit) => Circuit | undefined) => {
    const { item } = await updateItem<Circuit>(deps, vendorKey(vendor), (stored) =>
      next(stored ?? { key: vendorKey(vendor), version: 0, writer: '', forbidden: [], transients: 0 }),
    );
    return item;
  };
  const opened = (circuit: Circuit, code: string): Circuit => ({
    ...circuit,
    stoppedAt: circuit.stoppedAt ?? deps.clock.now(),
    code,
  });

  return {
    read: async (vendor: Vendor) => (await readItem(deps, vendorKey(vendor))) as Circuit | undefined,
    open: (vendor: Vendor, code: string) =>
      change(vendor, (circuit) => (circuit.stoppedAt ? undefined : opened(circuit, code))),
    /** A success, or any answer to a probe that is about the job and not about us. */
    close: (vendor: Vendor) =>
      change(vendor, ({ stoppedAt, code: _code, probe: _probe, ...circuit }) =>
        stoppedAt || circuit.forbidden.length > 0 || circuit.transients > 0
          ? { ...circuit, forbidden: [], transients: 0 }
          : undefined,
      ),
    /** Notes a 403; raises the circuit where it is another job's than the last. */
    forbidden: (vendor: Vendor, job: string) =>
      change(vendor, (circuit) => {
        if (circuit.forbidden.includes(job)) return undefined;
        const forbidden = [...circuit.forbidden, job].slice(-MOST_FORBIDDEN);
        return forbidden.length >= MOST_FORBIDDEN
          ? opened({ ...circuit, forbidden }, 'Forbidden')
          : { ...circuit, forbidden };
      }),
    /** Notes an attempt that ended as transient; raises the circuit at the fifth in a row. */
    transient: (vendor: Vendor, code: string) =>
      change(vendor, (circuit) => {
        const transients = circuit.transients + 1;
        return transients >= MOST_TRANSIENTS ? opened({ ...circuit, transients }, code) : { ...circuit, transients };
      }),
    /** Names the job that may try a stopped vendor next. */
    probe: (vendor: Vendor, job: string) =>
      change(vendor, (circuit) => {
        // Still anyone's: for a vendor that nobody waits for, this is asked every minute.
        const same = job === ANYONE && circuit.probe?.job === ANYONE;
        return circuit.stoppedAt && !same ? { ...circuit, probe: { job, at: deps.clock.now() } } : undefined;
      }),
    /** Takes the probe that is anyone's; `true` where this job has it now. */
    takeProbe: async (vendor: Vendor, job: string) => {
      const circuit = await change(vendor, (stored) =>
        stored.stoppedAt && stored.probe?.job === ANYONE ? { ...stored, probe: { ...stored.probe, job } } : undefined,
      );
      return circuit?.probe?.job === job;
    },
  };
}

export type CircuitBreakers = ReturnType<typeof circuitBreakers>;

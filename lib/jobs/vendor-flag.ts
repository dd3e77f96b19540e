import type { Vendor } from '../errors';
import type { Clock, Item, Random, Table } from '../ports';
import { vendorKey } from './keys';
import { readItem, updateItem } from './ledger';

/** What the table knows of one vendor; raised (`stoppedAt`) it keeps every call from it but a probe's. */
export interface VendorFlag extends Item {
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

export type FlagDeps = { table: Table; clock: Clock; random: Random };

/** The flags of the vendors in the jobs table. */
export function vendorFlags(deps: FlagDeps) {
  const change = async (vendor: Vendor, next: (flag: VendorFlag) => VendorFlag | undefined) => {
    const { item } = await updateItem<VendorFlag>(deps, vendorKey(vendor), (stored) =>
      next(stored ?? { key: vendorKey(vendor), version: 0, writer: '', forbidden: [], transients: 0 }),
    );
    return item;
  };
  const raised = (flag: VendorFlag, code: string): VendorFlag => ({
    ...flag,
    stoppedAt: flag.stoppedAt ?? deps.clock.now(),
    code,
  });

  return {
    read: async (vendor: Vendor) => (await readItem(deps, vendorKey(vendor))) as VendorFlag | undefined,
    raise: (vendor: Vendor, code: string) =>
      change(vendor, (flag) => (flag.stoppedAt ? undefined : raised(flag, code))),
    /** A success, or any answer to a probe that is about the job and not about us. */
    clear: (vendor: Vendor) =>
      change(vendor, ({ stoppedAt, code: _code, probe: _probe, ...flag }) =>
        stoppedAt || flag.forbidden.length > 0 || flag.transients > 0
          ? { ...flag, forbidden: [], transients: 0 }
          : undefined,
      ),
    /** Notes a 403; raises the flag where it is another job's than the last. */
    forbidden: (vendor: Vendor, job: string) =>
      change(vendor, (flag) => {
        if (flag.forbidden.includes(job)) return undefined;
        const forbidden = [...flag.forbidden, job].slice(-MOST_FORBIDDEN);
        return forbidden.length >= MOST_FORBIDDEN
          ? raised({ ...flag, forbidden }, 'Forbidden')
          : { ...flag, forbidden };
      }),
    /** Notes an attempt that ended as transient; raises the flag at the fifth in a row. */
    transient: (vendor: Vendor, code: string) =>
      change(vendor, (flag) => {
        const transients = flag.transients + 1;
        return transients >= MOST_TRANSIENTS ? raised({ ...flag, transients }, code) : { ...flag, transients };
      }),
    /** Names the job that may try a stopped vendor next. */
    probe: (vendor: Vendor, job: string) =>
      change(vendor, (flag) => {
        // Still anyone's: for a vendor that nobody waits for, this is asked every minute.
        const same = job === ANYONE && flag.probe?.job === ANYONE;
        return flag.stoppedAt && !same ? { ...flag, probe: { job, at: deps.clock.now() } } : undefined;
      }),
    /** Takes the probe that is anyone's; `true` where this job has it now. */
    takeProbe: async (vendor: Vendor, job: string) => {
      const flag = await change(vendor, (stored) =>
        stored.stoppedAt && stored.probe?.job === ANYONE ? { ...stored, probe: { ...stored.probe, job } } : undefined,
      );
      return flag?.probe?.job === job;
    },
  };
}

export type VendorFlags = ReturnType<typeof vendorFlags>;

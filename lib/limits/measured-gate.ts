import { JobError, type Vendor } from '../errors';
import type { Clock, Metrics } from '../ports';
import type { VendorGate } from './gate';

/**
 * A gate whose calls are measured by vendor: `VendorTime` of each, `VendorErrors` where the vendor failed or refuses us.
 * An answer that is about the job, or that asks us to wait, is no error of the vendor's.
 */
export function measuredGate(call: VendorGate, { clock, metrics }: { clock: Clock; metrics: Metrics }): VendorGate {
  return (vendor, make, options) => call(vendor, () => measured(vendor, make), options);

  async function measured<R>(vendor: Vendor, make: () => Promise<R>): Promise<R> {
    const startedAt = clock.now();
    const dimensions = { vendor };
    try {
      return await make();
    } catch (error) {
      if (isVendorsError(error)) metrics.add('VendorErrors', 1, 'Count', dimensions);
      throw error;
    } finally {
      metrics.add('VendorTime', clock.now() - startedAt, 'Milliseconds', dimensions);
    }
  }
}

const isVendorsError = (error: unknown): boolean =>
  !(error instanceof JobError) || ['transient', 'ambiguous', 'stop'].includes(error.class);

import { JobError, type Vendor } from '../errors';
import type { Clock, Metrics } from '../ports';
import type { VendorGate } from './gate';

/**
 * A gate whose calls are measured by vendor: `VendorTime` of each, `VendorErrors` where the vendor failed or refuses us,
 * `VendorThrottles` where it asks us to wait. An answer that is about the job is no error of the vendor's.
 */
export function measuredGate(call: VendorGate, { clock, metrics }: { clock: Clock; metrics: Metrics }): VendorGate {
  return (vendor, make, options) => call(vendor, () => measured(vendor, make), options);

  async function measured<R>(vendor: Vendor, make: () => Promise<R>): Promise<R> {
    const startedAt = clock.now();
    const dimensions = { vendor };
    try {
      return await make();
    } catch (error) {
      const name = metricOf(error);
      if (name) metrics.add(name, 1, 'Count', dimensions);
      throw error;
    } finally {
      metrics.add('VendorTime', clock.now() - startedAt, 'Milliseconds', dimensions);
    }
  }
}

function metricOf(error: unknown): 'VendorErrors' | 'VendorThrottles' | undefined {
  if (!(error instanceof JobError)) return 'VendorErrors';
  // A wait that no vendor asked for: our own rate limit, or the end of this invocation.
  if (error.class === 'wait') return error.status === undefined ? undefined : 'VendorThrottles';
  return error.class === 'transient' || error.class === 'ambiguous' || error.class === 'stop'
    ? 'VendorErrors'
    : undefined;
}

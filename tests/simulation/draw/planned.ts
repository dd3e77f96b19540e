import { aPlan, type Plan } from './plan';

const MINUTE_MS = 60_000;

/** Runs that reach what drawn runs reach rarely. Every search makes them too, whatever its size and its seed. */
export const PLANNED: readonly Plan[] = [
  // Many workers call a vendor when it breaks. Those that know its circuit as closed call it once more.
  aPlan({
    jobs: Array.from({ length: 12 }, (_, n) => ({ kind: 'good', at: n * 100, group: n, retries: 0 }) as const),
    outages: [{ target: 'zendesk', from: 0, until: 10 * MINUTE_MS, fault: 'failed' }],
  }),
];

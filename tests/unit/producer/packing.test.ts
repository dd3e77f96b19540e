import { eventsPerMessage } from '../../../resources/cost';
import { packed, VOLUMES } from '../../bench/analytics-packing';

const LEAST = [8, 60, 300];

test.each(VOLUMES.map((month, index) => [month, LEAST[index] ?? 0]))(
  'of %d single events a month, two processes pack at least %d into a message, as the bill assumes, and none waits for long',
  async (month, least) => {
    const { perMessage, p95 } = await packed(month, 40_000);

    expect(perMessage).toBeGreaterThanOrEqual(least);
    expect(Math.abs(perMessage / eventsPerMessage(month) - 1)).toBeLessThan(0.05);
    expect(p95).toBeLessThanOrEqual(15_000);
  },
);

import { LONGEST_CALL_MS } from '../../../lib/worker/contract';
import { instanceNames, readInstance } from '../../../resources/instances/read';

/** SendGrid takes up to 30 s for a chunk (lib/emails/send.ts). */
const LONGEST_CALLS_MS: Record<string, number> = { emails: 30_000 };

test.each(instanceNames().filter((name) => name !== 'local'))(
  'the workers of %s have the time for the longest call to a vendor',
  (name) => {
    // A worker starts nothing in the last tenth of its time-out, at most 5 s.
    for (const { name: queue, timeout } of readInstance(name).rows)
      expect(timeout * 900).toBeGreaterThan(LONGEST_CALLS_MS[queue] ?? LONGEST_CALL_MS);
  },
);

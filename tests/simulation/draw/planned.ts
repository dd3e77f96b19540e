import type { Fault } from '../world/faults';
import { aPlan, type JobKind, type Plan } from './plan';

const MINUTE_MS = 60_000;
const jobs = (count: number, everyMs: number, kind: JobKind = 'good') =>
  Array.from({ length: count }, (_, n) => ({ kind, at: n * everyMs, group: n, retries: 0 }));
const everyCall = (kind: string, fault: Fault) => [1, 2, 3, 4].map((nth) => ({ kind, nth, fault }));
/** An operator asks the vendor after an hour. No event comes before. */
const resolution = { after: 60 * MINUTE_MS };

/** Runs that reach what drawn runs reach rarely. Every search makes them too, whatever its size and its seed. */
export const PLANNED: readonly Plan[] = [
  // Many workers call a vendor when it breaks. Those that know its circuit as closed call it once more.
  aPlan({
    jobs: jobs(12, 100),
    outages: [{ target: 'zendesk', from: 0, until: 10 * MINUTE_MS, fault: 'failed' }],
  }),
  // Mails and invitations without an answer: some took effect, some did not.
  aPlan({
    queue: 'testflight',
    jobs: jobs(4, MINUTE_MS, 'resend'),
    calls: everyCall('apple.invite', 'silent'),
    resolution,
  }),
  aPlan({ queue: 'testflight', jobs: jobs(4, MINUTE_MS), calls: everyCall('sendgrid.send', 'silent'), resolution }),
  aPlan({ queue: 'emails', jobs: jobs(4, MINUTE_MS), calls: everyCall('sendgrid.send', 'silent'), resolution }),
  aPlan({ queue: 'emails', jobs: jobs(4, MINUTE_MS), calls: everyCall('sendgrid.send', 'mute'), resolution }),
  // Of one list too many addresses bounce, and of another too many people report the mail.
  aPlan({ queue: 'campaigns', jobs: jobs(2, 1_000, 'bad-list') }),
  // A later command about a tester comes while the earlier one is held.
  aPlan({
    queue: 'testflight',
    jobs: [
      { kind: 'joins', at: 0, group: 0, retries: 0 },
      { kind: 'build', at: 0, group: 1, retries: 0 },
      { kind: 'leaves', at: 1_000, group: 0, retries: 0 },
    ],
    calls: [{ kind: 'apple.createTester', nth: 1, fault: 'throttled' }],
  }),
];

import { jobs, MINUTE_MS } from '../draw/build';
import { MARK } from '../world/watch';
import { insistent, testEveryFault } from './one-fault';

// Runs that together make every kind of call.
testEveryFault({
  'feedback with an attachment': { jobs: insistent('attachment') },
  'a planned job, and one that its caller cancels': {
    jobs: insistent(['good', { planned: { ahead: 90_000 } }], ['good', { planned: { ahead: 90_000, cancel: 10_000 } }]),
    mostCalls: 40,
  },
  'a refused feedback job, and one after it': { jobs: insistent('refused', 'good') },
  // The promise about the erased makes the next erasure.
  'an erasure, beside another person': {
    jobs: jobs('refused', ['good', { group: 1 }]),
    erasures: [{ at: MINUTE_MS, person: { email: `${MARK}-0@example.com`, user: `${MARK}-user-0` } }],
    mostCalls: 65,
  },
  'two mails': { queue: 'emails', jobs: insistent('good', 'good') },
  // Its last chunk is sent by the 131st call. After that the reconciler looks for more.
  'a campaign with a refused recipient': { queue: 'campaigns', jobs: insistent('one-refused'), mostCalls: 135 },
  'an invitation, a repeated invitation, mail about a build, and a removal': {
    queue: 'testflight',
    jobs: insistent('good', 'resend', 'build', 'removal'),
  },
  'events, with a batch that kills its process and an invalid one': {
    queue: 'analytics',
    batch: 10,
    jobs: insistent('good', ['kills-after', { group: 1 }], ['bad-data', { group: 2 }]),
  },
});

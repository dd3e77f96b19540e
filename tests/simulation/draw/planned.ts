import { CALL_FAULTS, type Fault, START_FAULTS, TARGETS } from '../world/faults';
import { calls, cancelAndRetry, DAY_MS, jobs, load, MINUTE_MS, many } from './build';
import { aPlan, type JobKind, type Plan } from './plan';

const series = (count: number, everyMs: number, kind: JobKind = 'good') =>
  many(count, kind, (n) => ({ at: n * everyMs, group: n }));
/** Four calls of a kind get no answer. An operator asks the vendor after an hour. No event comes before. */
const unanswered = (queue: string, call: string, fault: Fault, kind?: JobKind): Plan =>
  aPlan({
    queue,
    jobs: series(4, MINUTE_MS, kind),
    calls: calls(call, fault, fault, fault, fault),
    resolution: { after: 60 * MINUTE_MS },
  });

/** Runs that reach what drawn runs reach rarely. Every search makes them too, whatever its size and its seed. */
export const PLANNED: readonly Plan[] = [
  // Many workers call a vendor when it breaks. Those that know its circuit as closed call it once more. Operators try.
  aPlan({
    jobs: series(12, 100),
    tries: [10_000, 4 * MINUTE_MS, 11 * MINUTE_MS],
    outages: [{ target: 'zendesk', from: 0, until: 10 * MINUTE_MS, fault: 'failed' }],
  }),
  // Mails and invitations without an answer: some took effect, some did not.
  unanswered('testflight', 'apple.invite', 'silent', 'resend'),
  ...['testflight', 'feedback', 'emails'].map((queue) => unanswered(queue, 'sendgrid.send', 'silent')),
  unanswered('emails', 'sendgrid.send', 'mute'),
  // Confirmations that surely did not take effect are settled and sent again.
  { ...unanswered('feedback', 'sendgrid.send', 'mute'), resend: { after: MINUTE_MS } },
  // No operator settles whether a confirmation went.
  aPlan({ calls: calls('sendgrid.send', 'mute') }),
  // Of one list too many addresses bounce, and of another too many people report the mail.
  aPlan({ queue: 'campaigns', jobs: series(2, 1_000, 'bad-list') }),
  // The window closes before released chunks are sent, because the rate is low.
  aPlan({
    queue: 'campaigns',
    jobs: series(2, 1_000).map((job) => ({ ...job, group: 2 })),
    limits: [{ at: 0, vendor: 'sendgrid', lasts: 60 * MINUTE_MS, ends: 'by itself', perSecond: 0.05 }],
    sending: { zone: 'Europe/Berlin', between: '12:10–01:00' },
  }),
  // The worker of a released chunk does not start. Before the next one does, a confirmation takes a part of the day's cap.
  aPlan({
    queue: 'campaigns',
    starts: [{ nth: 3, fault: 'failed', ms: 0 }],
    beside: [load('feedback', ['good', { at: 90_000 }])],
    sending: { zone: 'Europe/Berlin', dailyCap: 3 },
  }),
  // SendGrid refuses every chunk of two lists.
  aPlan({ queue: 'campaigns', jobs: series(2, 1_000, 'unsendable') }),
  aPlan({
    queue: 'campaigns',
    jobs: series(2, 1_000),
    controls: [
      { at: 1_500, campaign: 0, what: 'pause' },
      { at: 10 * MINUTE_MS, campaign: 0, what: 'resume' },
      { at: MINUTE_MS, campaign: 1, what: 'cancel' },
    ],
  }),
  // A campaign is paused while no worker takes its released chunk.
  aPlan({
    queue: 'campaigns',
    unpolled: { from: 50_000, until: 5 * MINUTE_MS },
    controls: [
      { at: 2 * MINUTE_MS, campaign: 0, what: 'pause' },
      { at: 10 * MINUTE_MS, campaign: 0, what: 'resume' },
    ],
  }),
  // An operator discards what Zendesk refused.
  aPlan({ jobs: jobs('refused'), commands: [{ job: 0, what: 'discard', at: 10 * MINUTE_MS }] }),
  // An operator ends for good what Zendesk refused, and then moves the whole DLQ.
  ...(['move after replace', 'move after discard'] as const).map((how) =>
    aPlan({ jobs: jobs('refused'), redrives: [{ nth: 1, after: 30_000, how }] }),
  ),
  // The table refuses all writes of a run after its claim.
  aPlan({ calls: [{ kind: 'table.put', nth: 3, fault: 'refused', times: 1_000 }] }),
  // An operator cancels a job that waits for a worker, and retries it later.
  aPlan({
    jobs: jobs('good'),
    broken: { from: 0, until: 5 * MINUTE_MS },
    commands: cancelAndRetry(0, MINUTE_MS, 10 * MINUTE_MS),
  }),
  // Nothing receives the message, until it expires.
  aPlan({ jobs: jobs('good'), unpolled: { from: 0, until: 15 * DAY_MS } }),
  // Each fault of a call, and an outage of each service.
  aPlan({ jobs: series(20, MINUTE_MS), calls: calls('zendesk.createTicket', ...CALL_FAULTS) }),
  ...TARGETS.map((target) =>
    aPlan({
      queue: target === 'apple' ? 'testflight' : 'feedback',
      jobs: series(2, MINUTE_MS),
      outages: [{ target, from: 0, until: 5 * MINUTE_MS, fault: 'refused' }],
      events: true,
    }),
  ),
  aPlan({
    jobs: series(8, MINUTE_MS),
    // Some of them are starts of the reconciler.
    starts: Array.from({ length: 20 }, (_, n) => ({
      nth: n + 1,
      fault: START_FAULTS[n % START_FAULTS.length] ?? 'failed',
      ms: 5,
    })),
  }),
  // A job is held beside a damaged circuit, which reads as a pause.
  aPlan({
    queue: 'campaigns',
    ...{ seed: 1, start: 1798761480000, concurrency: 2 },
    limits: [{ at: 0, vendor: 'sendgrid', lasts: 3_000, ends: 'by itself' }],
    outages: [{ target: 'sendgrid', from: 0, until: 5 * MINUTE_MS, fault: 'throttled' }],
    damages: [{ at: 60_733, vendor: 'sendgrid', restored: 20 * MINUTE_MS }],
  }),
  // The name of a campaign is damaged while its chunks go out, and restored.
  aPlan({
    queue: 'campaigns',
    jobs: jobs(['good', { group: 2 }]),
    damages: [{ at: 90_000, campaign: 0, field: 0, form: 'null', restored: 20 * MINUTE_MS }],
  }),
  // A later command about a tester comes while the earlier one is held.
  aPlan({
    queue: 'testflight',
    jobs: jobs('joins', ['build', { group: 1 }], ['leaves', { at: 1_000 }]),
    calls: calls('apple.createTester', 'throttled'),
  }),
];

import { calls, DAY_MS, HOUR_MS, jobs, MINUTE_MS, SECOND_MS } from '../draw/build';
import { aPlan, type Plan } from '../draw/plan';
import { explain } from '../draw/property';
import { runPlan } from '../runs/run';

/** Runs in which the service once broke a promise, as small as possible. */
const FOUND: Record<string, Partial<Plan>> = {
  'a message with a stolen id keeps its row when SQS moves it back': {
    jobs: jobs('good', ['stolen-id', { at: 5 * SECOND_MS }]),
    redrives: [{ nth: 1, after: MINUTE_MS, how: 'move' }],
  },
  'a message with a stolen id that is dead-lettered untried does not harm the job with that id': {
    jobs: jobs('good', ['stolen-id', { at: 30 * SECOND_MS }]),
    broken: { from: 5 * SECOND_MS, until: 20 * MINUTE_MS },
  },
  'three jobs whose workers do not start for an hour are not taken for poison messages': {
    jobs: jobs('good', 'good', 'good'),
    broken: { from: 700, until: HOUR_MS },
  },
  'a job that cannot be parked in the last seconds of its function goes back to its queue': {
    outages: [
      { target: 'objects', from: 0, until: HOUR_MS, fault: 'refused' },
      { target: 'zendesk', from: 0, until: 5 * HOUR_MS, fault: 'mute' },
    ],
    broken: { from: 0, until: MINUTE_MS },
  },
  'a job that is replaced before its DLQ entry was sent needs none': {
    queue: 'emails',
    jobs: jobs('kills-after'),
    // The producer's send comes before them.
    calls: [{ kind: 'queues.send', nth: 2, fault: 'refused', times: 3 }],
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'move after replace' }],
  },
  'a message about a chunk that does not exist yet ends, although the chunk exists when it comes again': {
    queue: 'campaigns',
    jobs: jobs(['good', { at: 42, group: 1 }]),
    seed: 1911075173,
    ...{ start: 1798761480000, concurrency: 2, future: { from: 0, until: 10 * MINUTE_MS }, mailWait: MINUTE_MS },
    calls: [{ nth: 5, fault: 'refused' }, ...calls('sendgrid.send', 'refused', 'lost')],
    forgeries: [
      { at: 0, form: 'chunk', about: 0, times: 1 },
      { at: 18, form: 'placeholder', about: 0, times: 1 },
    ],
  },
  'a campaign that is resumed and then cancelled ends, although its chunks wait behind a first wave': {
    queue: 'campaigns',
    jobs: jobs('good'),
    outages: [{ target: 'sendgrid', from: 0, until: 5 * MINUTE_MS, fault: 'unauthorized' }],
    controls: [
      { at: 10 * MINUTE_MS, what: 'pause', campaign: 0 },
      { at: 2 * HOUR_MS, what: 'resume', campaign: 0 },
      { at: 2 * HOUR_MS + 50, what: 'cancel', campaign: 0 },
    ],
  },
  'mails that may be out belong to the first wave, although their worker died': {
    queue: 'campaigns',
    jobs: jobs(['good', { group: 1 }]),
    ...{ seed: 1911075173, start: 1798761480000, concurrency: 2, future: { from: 0, until: 10 * MINUTE_MS } },
    calls: [
      { kind: 'table.put', nth: 14, fault: 'killed-before', times: 3 },
      ...calls('sendgrid.send', 'refused', 'refused', 'refused', 'refused', 'refused', 'refused', 'killed-late'),
    ],
    latency: { from: 0, until: HOUR_MS, every: 90 * SECOND_MS },
    retention: 7_200,
  },
  'what an operator replaces is a command of its own, and the later one of the two': {
    queue: 'testflight',
    jobs: jobs(['joins', { group: 2 }], ['leaves', { group: 2 }]),
    calls: calls('apple.findTester', 'forbidden'),
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'move after replace' }],
  },
  'a job whose worker dies while parking it runs once more, and ends with the failure': {
    jobs: jobs('refused'),
    calls: calls('objects.put', 'killed-before'),
  },
  ...Object.fromEntries(
    (['retry-after', 'disallowed'] as const).map((fault) => [
      `a mail that was never sent is not unknown after ${fault}, although the bucket then refuses its body`,
      { queue: 'emails', calls: [...calls('sendgrid.send', fault), ...calls('objects.put', 'refused')] },
    ]),
  ),
  // The fourth read is that of SendGrid's circuit.
  'a mail that was never sent is not unknown although the table cannot be read': {
    queue: 'emails',
    calls: [{ kind: 'table.get', nth: 4, fault: 'refused', times: 3 }],
  },
};

/** Runs that chance makes seldom or never. */
const RARE: Record<string, Partial<Plan>> = {
  'an event that another SDK wrote, whose id is no UUID, is held and released': {
    jobs: jobs('event', ['event', { group: 1 }]),
    outages: [{ target: 'zendesk', from: 0, until: HOUR_MS, fault: 'throttled' }],
  },
  ...Object.fromEntries(
    (['command', 'move'] as const).map((how) => [
      `an event whose id is no UUID is dead and redriven by ${how}`,
      {
        jobs: jobs('event'),
        calls: calls('zendesk.createTicket', 'forbidden'),
        redrives: [{ nth: 1, after: HOUR_MS, how }],
      },
    ]),
  ),
  'an event whose id is no UUID is sent twice, and stays one job': { jobs: jobs(['event', { again: 10 * MINUTE_MS }]) },
  ...Object.fromEntries(
    (['chunk-kills-before', 'chunk-kills-after'] as const).map((kind) => [
      `a campaign with a ${kind} chunk ends without its recipients`,
      { queue: 'campaigns', jobs: jobs([kind, { group: 1 }]) },
    ]),
  ),
  ...Object.fromEntries(
    [60_000, 62_230, 64_700].map((from) => [
      `notes come into the list although the table throttles from ${from} ms on`,
      {
        queue: 'campaigns',
        jobs: jobs('bad-list'),
        controls: [30_001, 61_503, 63_253].map((at) => ({ at, what: 'suppress', campaign: 0 })),
        calls: calls('objects.create', 'slow', 'slow', 'slow'),
        outages: [{ target: 'table', from, until: from + 20_000, fault: 'throttled' }],
      },
    ]),
  ),
  'a job without mail, whose end could not be written, expires with its message': {
    jobs: jobs('opted-out'),
    // The producer writes twice, and the claim is an update.
    calls: [{ kind: 'table.put', nth: 3, fault: 'refused', times: 3 }],
    unpolled: { from: 500, until: 3 * HOUR_MS + MINUTE_MS },
    ...{ retention: 3 * 3_600, dlqRetention: 3 * 3_600 },
  },
  'a job that is planned a month ahead': { jobs: jobs(['good', { planned: { ahead: 30 * DAY_MS } }]) },
};

test.each(Object.entries({ ...FOUND, ...RARE }))('%s', async (_name, changes) => {
  const plan = aPlan(changes);
  const { violation } = await runPlan(plan);
  if (violation === undefined) return;
  const { timeline } = await runPlan(plan, { detailed: true });
  throw new Error(explain({ violation, plan, timeline: timeline() }));
});

import type { Plan } from '../draw/plan';
import type { CallFault } from '../world/faults';
import { DAY_MS, HOUR_MS, jobs, load, MINUTE_MS, SECOND_MS, scenario } from './scenario';

const sends = (numbers: number[], fault: CallFault['fault']): CallFault[] =>
  numbers.map((nth) => ({ kind: 'sendgrid.send', nth, fault }));
/** Three operators pause a campaign at the same time. */
const pausedAtOnce = (campaign: number): Plan['controls'] =>
  [1, 2, 3].map(() => ({ at: 500, what: 'pause', campaign }));

/** Runs that once broke a promise, as small as possible. */
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
  'copies of a poison message in the DLQ are not taken for the returned one, beside others of its group': {
    queue: 'bulk',
    batch: 10,
    jobs: jobs(
      ['kills-after', { at: 1, again: 10 }],
      ['good', { group: 1 }],
      ['good', { at: 28 }],
      ['copy', { at: 57, group: 1, again: 10 }],
      ['good', { at: 47, group: 2, again: 10 }],
    ),
    broken: { from: 0, until: 20 * MINUTE_MS },
  },
  'a job that is always returned behind poison messages is not taken for one': {
    queue: 'bulk',
    batch: 10,
    concurrency: 2,
    jobs: jobs(
      ['good', { at: 3 }],
      ['kills-after', { again: 6 * MINUTE_MS }],
      ['good', { at: 3 }],
      ['good', { at: 10_884, again: 10 }],
    ),
    calls: [{ nth: 2, fault: 'late' }],
    broken: { from: 0, until: 20 * MINUTE_MS },
  },
  'a late record of an earlier end does not replace a newer one': {
    queue: 'bulk',
    batch: 10,
    concurrency: 2,
    jobs: jobs(['refused', { again: 10 }], ['copy', { at: 51 }], 'good'),
    calls: [
      { kind: 'objects.create', nth: 1, fault: 'late' },
      { nth: 2, fault: 'refused' },
    ],
    unpolled: { from: 6_099, until: 606_099 },
    deployAt: 2 * HOUR_MS,
  },
  'an outcome with the time of a slow clock still counts, and the next messages are returned': {
    seed: 76_246_895,
    queue: 'bulk',
    batch: 10,
    concurrency: 2,
    jobs: jobs('good', ['good', { again: 10 }], ['good', { again: 10 }], ['good', { group: 1 }]),
    broken: { from: 0, until: HOUR_MS },
  },
  'a job that cannot be parked in the last seconds of its function goes back to its queue': {
    queue: 'bulk-standard',
    batch: 10,
    outages: [
      { target: 'objects', from: 0, until: HOUR_MS, fault: 'refused' },
      { target: 'bulk', from: 0, until: 5 * HOUR_MS, fault: 'mute' },
    ],
    broken: { from: 0, until: MINUTE_MS },
  },
  'a job that failed and whose worker dies while parking it is dead because of its failures': {
    queue: 'bulk',
    jobs: jobs('fails'),
    calls: [{ kind: 'objects.put', nth: 1, fault: 'killed-before' }],
  },
  'an invalid message that an operator moves before a worker judged it ends under its new id and expires under its old one':
    {
      queue: 'emails',
      concurrency: 2,
      jobs: jobs('good', ['not-json', { again: 10 }]),
      outages: [{ target: 'objects', from: 0, until: HOUR_MS, fault: 'refused' }],
      redrives: [
        { nth: 1, after: 15 * SECOND_MS, how: 'move' },
        { nth: 1, after: 30 * DAY_MS, how: 'command' },
      ],
      broken: { from: 1, until: MINUTE_MS + 1 },
    },
  'a job with two DLQ entries loses one of them, even if the first is the tenth in the DLQ': {
    queue: 'bulk',
    batch: 10,
    concurrency: 2,
    seed: 516_617_958,
    start: 1_835_395_199_000,
    jobs: jobs(
      ['not-json', { group: 1, again: 6 * MINUTE_MS }],
      ['not-json', { at: 1, group: 1, again: 30 * SECOND_MS }],
      ['copy', { at: 1, again: 10 }],
      ['stolen-id', { at: 68, again: 6 * MINUTE_MS }],
      ['bad-data', { at: 1_406, again: 6 * MINUTE_MS }],
      ['good', { at: 142 }],
    ),
    calls: [
      { nth: 177, fault: 'late' },
      { kind: 'queues.receive', nth: 1, fault: 'refused' },
      { kind: 'queues.depth', nth: 1, fault: 'refused' },
    ],
    redrives: [
      { nth: 1, after: 4 * MINUTE_MS, how: 'command' },
      { nth: 1, after: 30 * DAY_MS, how: 'command' },
    ],
    deployAt: 2 * HOUR_MS,
  },
  'a message that waits for its own copy is not dead-lettered on its last receive': {
    queue: 'bulk-standard',
    batch: 10,
    concurrency: 2,
    jobs: jobs('fails', ['copy', { at: 16, again: 6 * MINUTE_MS }]),
    unpolled: { from: 58_029, until: 10_858_029 },
  },
  'a chunk that is redriven after its paused campaign stopped waiting for it continues after the pause': {
    queue: 'campaigns',
    jobs: jobs(['unsendable', { group: 1 }]),
    concurrency: 2,
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'command' }],
    canaries: 10 * MINUTE_MS,
  },
  'a caller that repeats its key after an operator could not send a retry gets the job sent': {
    queue: 'feedback',
    concurrency: 2,
    jobs: jobs('good', ['newer', { again: 30_000 }], 'good', 'good', 'good', 'good', 'good').map((job, index) => ({
      ...job,
      at: index === 0 ? 1 : 0,
    })),
    calls: [{ kind: 'queues.send', nth: 9, fault: 'refused' }],
    commands: [108, 3_108, 6_108, 9_108].map((at, index) => ({ job: 0, what: index % 2 ? 'retry' : 'cancel', at })),
    deployAt: 2_400_000,
    broken: { from: 5_112, until: 65_112 },
  },
  'a record that lands late does not replace the record of a job that was discarded and retried at once': {
    seed: 1_038_634_970,
    queue: 'bulk-standard',
    batch: 10,
    concurrency: 2,
    jobs: jobs('stolen-id'),
    calls: [{ nth: 5, fault: 'killed-late' }],
    outages: [{ target: 'table', from: 174, until: 60_174, fault: 'refused' }],
    commands: [
      { job: 0, what: 'discard', at: 41 },
      { job: 0, what: 'retry', at: 91 },
      { job: 0, what: 'cancel', at: 41 },
    ],
    waits: { at: 30_000, from: [60, 900], to: [60, 900] },
    share: 1,
    indexLag: 1_000,
  },
  'a chunk is counted even if its release died before the count and its campaign was then paused': {
    queue: 'campaigns',
    jobs: jobs(['good', { again: 10 }]),
    calls: [{ nth: 31, fault: 'killed-after' }],
    controls: [{ at: 61_000, what: 'pause', campaign: 0 }],
  },
  'a job of a queue without rows that two invocations meet, one of older code, has one end': {
    seed: 1_847_050_298,
    queue: 'analytics',
    batch: 10,
    concurrency: 2,
    jobs: jobs(
      'not-json',
      ['not-json', { at: 1, group: 1 }],
      ['good', { at: 1, group: 1, again: 10 }],
      ['newer', { at: 119_977 }],
      ['good', { at: 1 }],
    ),
    calls: [
      { kind: 'table.get', nth: 4, fault: 'repeated' },
      { nth: 1, fault: 'refused' },
    ],
    starts: [{ nth: 5, fault: 'twice', ms: 1_000_000 }],
    outages: [
      { target: 'table', from: 290, until: 600_290, fault: 'silent' },
      { target: 'table', from: 54_016, until: 18_054_016, fault: 'slow' },
    ],
    deployAt: 0,
  },
  'the verifier does not compare a copy in another group with the jobs of its own group': {
    concurrency: 2,
    jobs: jobs(['good', { group: 2 }], ['good', { group: 2 }], ['copy', { at: 38 }]),
    calls: [
      { kind: 'zendesk.createTicket', nth: 1, fault: 'refused' },
      { kind: 'zendesk.createTicket', nth: 2, fault: 'lost' },
    ],
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'command' }],
    commands: [
      { job: 0, what: 'discard', at: 15 },
      { job: 0, what: 'retry', at: 65 },
    ],
    broken: { from: 39, until: 60_039 },
    resolution: { after: 10 * MINUTE_MS },
    dlqRetention: 3 * 3600,
    retention: 3 * 3600,
  },
  'a message with a stolen id, whose own row newer code wrote, comes back to that row from the DLQ': {
    seed: 1_040_186_358,
    queue: 'bulk',
    batch: 10,
    concurrency: 2,
    jobs: jobs('good', ['stolen-id', { at: 11, again: 10 }]),
    calls: [
      { nth: 7, fault: 'refused' },
      { nth: 5, fault: 'refused' },
    ],
    deployAt: 5 * MINUTE_MS,
    resolution: { after: 10 * MINUTE_MS },
    future: { from: 1_179, until: 7_201_179 },
    canaries: 10 * MINUTE_MS,
  },
  'a planned job is cancelled, retried by an operator and sent again by its producer': {
    seed: 1_531_285_625,
    start: 1_798_761_480_000,
    queue: 'testflight',
    concurrency: 2,
    jobs: jobs(['good', { again: 6 * MINUTE_MS, planned: { ahead: 5 * SECOND_MS } }]),
    starts: [{ nth: 1, fault: 'throttled', ms: 5 }],
    outages: [
      { target: 'queues', from: 0, until: 5 * HOUR_MS, fault: 'refused' },
      { target: 'events', from: 0, until: MINUTE_MS, fault: 'refused' },
    ],
    commands: [
      { job: 0, what: 'cancel', at: 14_995 },
      { job: 0, what: 'retry', at: 15_045 },
    ],
    resolution: { after: 10 * MINUTE_MS },
    warm: true,
  },
  'a planned job that was never accepted is published long before its kept body is deleted': {
    queue: 'bulk-standard',
    jobs: jobs('fails', ['good', { at: 10 * MINUTE_MS, planned: { ahead: 5 * SECOND_MS } }]),
    outages: [{ target: 'table', from: 10 * MINUTE_MS + 40, until: 20 * MINUTE_MS, fault: 'throttled' }],
    redrives: [
      { nth: 1, after: 30 * DAY_MS, how: 'command' },
      { nth: 2, after: 30 * DAY_MS, how: 'move' },
    ],
    events: true,
  },
  'a message whose delete was lost, and which SQS dead-lettered, is delivered once only': {
    start: 1_798_761_480_000,
    concurrency: 2,
    jobs: jobs('good'),
    outages: [{ target: 'objects', from: 0, until: 5 * HOUR_MS, fault: 'refused' }],
    lostDeletes: [1],
    redeliveries: [{ nth: 1, after: 2 * HOUR_MS }],
    canaries: 10 * MINUTE_MS,
  },
  'the age of a planned job that a fast clock started early is measured from its first hold': {
    seed: 2_147_483_626,
    start: 1_798_761_480_000,
    queue: 'bulk',
    batch: 10,
    concurrency: 2,
    jobs: jobs(
      ['good', { planned: { ahead: 5 * SECOND_MS } }],
      ['newer', { planned: { ahead: 90 * SECOND_MS } }],
      ['good', { at: 60_124, again: 10, planned: { ahead: 20 * MINUTE_MS, cancel: 10 } }],
      ['good', { at: 60_591, planned: { ahead: 5 * SECOND_MS, cancel: 10 } }],
    ),
    calls: [1, 4].map((nth) => ({ nth, fault: 'refused' })),
    broken: { from: 0, until: MINUTE_MS },
    waits: { at: 20 * MINUTE_MS, from: [60, 900], to: [60, 900] },
    skew: MINUTE_MS,
    retention: 7_200,
    dlqRetention: 10_800,
  },
  'the age of the oldest held job is right while an operator resolves its step': {
    seed: 1_522_809_089,
    queue: 'campaigns',
    start: 1_798_761_480_000,
    batch: 1,
    concurrency: 2,
    jobs: jobs(['one-refused', { at: 539_910, group: 2, retries: 0, again: 10 }], ['good', { group: 1, retries: 0 }]),
    calls: [
      { nth: 2, fault: 'refused' },
      ...[1, 2, 3, 4, 5].map((nth) => ({ kind: 'sendgrid.send', nth, fault: 'malformed' }) as const),
      { kind: 'sendgrid.send', nth: 6, fault: 'refused' },
    ],
    starts: [{ nth: 1, fault: 'throttled', ms: 5 }],
    controls: [
      { at: 500, what: 'pause', campaign: 0 },
      { at: 500, what: 'pause', campaign: 0 },
    ],
    commands: [
      { job: 1, what: 'cancel', at: 0 },
      { job: 1, what: 'retry', at: 600_000 },
    ],
    deployAt: 0,
    broken: { from: 0, until: HOUR_MS },
    resolution: { after: 10 * MINUTE_MS },
    warm: true,
    approximate: true,
    retention: 7_200,
  },
  'a run whose row newer code wrote counts as a crash': {
    seed: 38,
    queue: 'campaigns',
    start: 1_777_975_198_000,
    concurrency: 2,
    jobs: jobs(['good', { at: 1_079_918, group: 2 }], ['good', { at: 1_079_936, planned: { ahead: 20 * MINUTE_MS } }]),
    calls: [
      { kind: 'queues.changeVisibility', nth: 2, fault: 'refused' },
      ...sends([3, 4, 5, 6, 7, 8, 9, 10, 11], 'refused'),
      ...sends([12], 'killed-after'),
    ],
    controls: pausedAtOnce(0),
    waits: { at: 30 * SECOND_MS, from: [60, 900], to: [60, 900] },
    future: { from: 1_146_248, until: 8_346_248 },
    warm: true,
    events: true,
    indexLag: 1_000,
    retention: 7_200,
  },
  'a DLQ entry expires before the time that a fast clock has noted': {
    queue: 'campaigns',
    concurrency: 2,
    jobs: jobs('chunk-kills-after'),
    calls: sends([1, 2], 'refused'),
    lostDeletes: [1],
    redrives: [1, 2].map((nth) => ({ nth, after: 30 * DAY_MS, how: 'command' })),
    controls: [{ at: 20 * MINUTE_MS, what: 'pause', campaign: 1 }],
    deployAt: 2 * HOUR_MS,
    broken: { from: 60_097, until: 120_097 },
    retention: 7_200,
  },
  'the lists of a campaign wait for weeks for a job that an operator retries': {
    concurrency: 2,
    jobs: jobs('kills-before'),
    beside: [
      load('campaigns', ['chunk-kills-before', { planned: { ahead: 5 * SECOND_MS } }]),
      { ...load('analytics', 'good'), batch: 10 },
    ],
    redeliveries: [{ nth: 1, after: SECOND_MS }],
    redrives: [1, 3].map((nth) => ({ nth, after: 30 * DAY_MS, how: 'command' })),
    broken: { from: 0, until: MINUTE_MS },
    future: { from: 0, until: 10 * MINUTE_MS },
    latency: { from: 0, until: HOUR_MS, every: 90_000 },
  },
  'two ends of a job have the same time by two clocks': {
    seed: 1_050_115_242,
    queue: 'testflight',
    concurrency: 2,
    jobs: jobs(
      ['refused', { at: 2_664 }],
      ['copy', { at: 1_880, group: 1 }],
      ['good', { planned: { ahead: 5 * SECOND_MS, cancel: 10 } }],
      ['good', { planned: { ahead: 5 * SECOND_MS } }],
      ['unknown-version', { at: 1_880, group: 1 }],
      ['build', { at: 2_601 }],
    ),
    commands: [
      { job: 2, what: 'cancel', at: 3_579 },
      { job: 2, what: 'retry', at: 3_629 },
      { job: 2, what: 'cancel', at: 3_679 },
      { job: 2, what: 'retry', at: 3_729 },
    ],
    deployAt: 2 * HOUR_MS,
    future: { from: 0, until: 10 * MINUTE_MS },
    events: true,
  },
  'the time to find a poison message begins at the time for which it was planned': {
    queue: 'testflight',
    concurrency: 2,
    jobs: jobs(['kills-before', { planned: { ahead: 3 * HOUR_MS } }]),
    calls: [{ nth: 4, fault: 'killed-after' }],
    lostDeletes: [1],
  },
  'a message that SQS moved back is not taken for a copy, while by its clock a crashed run still has the job': {
    seed: 15,
    start: 1_777_975_198_000,
    queue: 'bulk-standard',
    batch: 10,
    jobs: jobs(
      ['good', { again: 10, planned: { ahead: 90_000, cancel: 20 * MINUTE_MS } }],
      ['kills-after', { at: 332_001, retries: 2, planned: { ahead: 90_000 } }],
      ['kills-after', { again: 30_000, planned: { ahead: 5_000 } }],
    ),
    redrives: [{ nth: 1, after: MINUTE_MS, how: 'move' }],
    deployAt: 2 * HOUR_MS,
    skew: 10 * MINUTE_MS,
    canaries: 10 * MINUTE_MS,
    events: true,
  },
  'SendGrid does not repeat an event for ever because a row does not parse': {
    seed: 1_570_203_197,
    queue: 'emails',
    calls: [
      { kind: 'sendgrid.send', nth: 1, fault: 'refused' },
      { kind: 'sendgrid.send', nth: 2, fault: 'lost' },
    ],
    commands: [
      { job: 0, what: 'cancel', at: 0 },
      { job: 0, what: 'retry', at: 2 * HOUR_MS },
    ],
    damages: [{ at: 1_127, job: 0 }],
    deployAt: 2 * HOUR_MS,
    resolution: { after: 10 * MINUTE_MS },
    future: { from: 0, until: 10 * MINUTE_MS },
  },
  'a campaign goes on beside a chunk whose row does not parse': {
    seed: 757_668_098,
    queue: 'campaigns',
    jobs: jobs('good', ['good', { at: 117_925, group: 1 }]),
    calls: [{ nth: 5, fault: 'refused' }],
    lostDeletes: [1],
    controls: [{ at: 500, what: 'pause', campaign: 0 }],
    damages: [{ at: 180_162, job: 2 }],
    warm: true,
    latency: { from: 180_095, until: 3_780_095, every: 90_000 },
  },
};

test.each(Object.entries(FOUND))('%s', async (_name, plan) => {
  await expect(scenario(plan)).resolves.toBeDefined();
});

test('a job whose worker dies while parking it runs once more, and ends with the failure', async () => {
  const { row } = await scenario({
    queue: 'bulk',
    jobs: jobs('fails'),
    calls: [{ kind: 'objects.put', nth: 1, fault: 'killed-before' }],
  });

  expect(row(0)).toMatchObject({ state: 'dead', reason: 'error', attempts: 4, error: { code: 'Failed' } });
});

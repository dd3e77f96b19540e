import type { Plan } from '../draw/plan';
import { DAY_MS, HOUR_MS, jobs, MINUTE_MS, SECOND_MS, scenario } from './scenario';

/** Runs that once broke a promise, as small as possible. */
const FOUND: Record<string, Partial<Plan>> = {
  'a caller may send a job again whose row was damaged meanwhile': {
    queue: 'bulk',
    jobs: jobs(['good', { again: 10 }]),
    starts: [{ nth: 1, fault: 'throttled', ms: 5 }],
    damages: [{ at: 25, what: 'row', job: 0, nth: 48 }],
  },
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
    versions: [{ until: HOUR_MS, released: 0.5 }],
    dlqRetention: 3 * 3600,
    retention: 3 * 3600,
  },
  'a write that lands late replaces no row that lost its version and got a new one': {
    seed: 202_881_636,
    queue: 'bulk',
    batch: 10,
    concurrency: 2,
    jobs: jobs('good', ['good', { at: 37 }]),
    calls: [{ nth: 6, fault: 'late' }],
    starts: [{ nth: 2, fault: 'throttled', ms: 5 }],
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'command' }],
    damages: [{ at: 37, what: 'row', job: 0, nth: 61 }],
    deployAt: 5 * MINUTE_MS,
    broken: { from: 12, until: 60_012 },
    canaries: 10 * MINUTE_MS,
    approximate: true,
    share: 1,
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
    versions: [{ until: 6 * HOUR_MS, released: 0.5 }],
  },
  'a job that waits behind another loses the state of its row': {
    seed: 852_711_808,
    start: 1_798_761_480_000,
    queue: 'testflight',
    concurrency: 2,
    jobs: jobs('good', 'newer'),
    damages: [{ at: 283, what: 'row', job: 3, nth: 49 }],
    deployAt: 5 * MINUTE_MS,
    future: { from: 0, until: 10 * MINUTE_MS },
    indexLag: 1_000,
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

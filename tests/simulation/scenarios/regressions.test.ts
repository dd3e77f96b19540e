import type { Plan } from '../draw/plan';
import type { CallFault } from '../world/faults';
import { DAY_MS, HOUR_MS, jobs, load, MINUTE_MS, SECOND_MS, scenario } from './scenario';

const sends = (numbers: number[], fault: CallFault['fault']): CallFault[] =>
  numbers.map((nth) => ({ kind: 'sendgrid.send', nth, fault }));

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
  'a job that cannot be parked in the last seconds of its function goes back to its queue': {
    queue: 'bulk-standard',
    batch: 10,
    outages: [
      { target: 'objects', from: 0, until: HOUR_MS, fault: 'refused' },
      { target: 'bulk', from: 0, until: 5 * HOUR_MS, fault: 'mute' },
    ],
    broken: { from: 0, until: MINUTE_MS },
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
  'a chunk is counted even if its release died before the count and its campaign was then paused': {
    queue: 'campaigns',
    jobs: jobs(['good', { again: 10 }]),
    calls: [{ nth: 31, fault: 'killed-after' }],
    controls: [{ at: 61_000, what: 'pause', campaign: 0 }],
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
  'the time to find a poison message begins at the time for which it was planned': {
    queue: 'testflight',
    concurrency: 2,
    jobs: jobs(['kills-before', { planned: { ahead: 3 * HOUR_MS } }]),
    calls: [{ nth: 4, fault: 'killed-after' }],
    lostDeletes: [1],
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
  'untried messages are returned although the row of the last returned job does not parse': {
    queue: 'bulk',
    batch: 10,
    concurrency: 2,
    jobs: jobs('good', 'good', 'good'),
    starts: [{ nth: 1, fault: 'throttled', ms: 5 }],
    lostDeletes: [1],
    damages: [
      { at: 600_321, job: 0 },
      { at: 0, job: 0 },
    ],
    deployAt: 0,
    broken: { from: 0, until: HOUR_MS },
    resolution: { after: 10 * MINUTE_MS },
    indexLag: SECOND_MS,
  },
  'a row that is damaged while its message is returned stops no other return': {
    seed: 900_458_043,
    queue: 'testflight',
    concurrency: 2,
    jobs: jobs(['good', { group: 1 }], 'good'),
    calls: [{ kind: 'table.get', nth: 1, fault: 'refused', times: 3 }],
    commands: [
      { job: 0, what: 'cancel', at: 0 },
      { job: 0, what: 'retry', at: 50 },
    ],
    damages: [{ at: 960_345, job: 1 }],
    deployAt: 0,
    broken: { from: 22, until: 3_600_022 },
  },
  'a step is unknown because a process whose clock is ahead took the job from its run': {
    seed: 115_982_500,
    queue: 'emails',
    concurrency: 2,
    jobs: jobs(['copy', { again: 2 * HOUR_MS }], ['good', { at: 240_252 }]),
    redrives: [
      { nth: 1, after: 6 * MINUTE_MS, how: 'move' },
      { nth: 1, after: 15 * SECOND_MS, how: 'command' },
    ],
    commands: [
      { job: 0, what: 'cancel', at: 0 },
      { job: 0, what: 'retry', at: 50 },
    ],
    deployAt: 0,
    future: { from: 0, until: 10 * MINUTE_MS },
    changes: { at: 2 * HOUR_MS, from: { receives: 3, pace: 1 }, to: { receives: 3, pace: 1 } },
    skew: 10 * MINUTE_MS,
    unpolled: { from: 240_289, until: 11_040_289 },
    events: true,
    share: 1,
    indexLag: SECOND_MS,
  },
  'the entry of a message that took the id of a job stays, although the row of that job does not parse': {
    seed: 2_046_397_603,
    queue: 'emails',
    concurrency: 2,
    jobs: jobs('good', ['stolen-id', { at: 34 }], 'good', 'good', ['good', { at: 30 }]),
    calls: [
      { kind: 'sendgrid.send', nth: 1, fault: 'refused' },
      { kind: 'sendgrid.send', nth: 2, fault: 'lost' },
    ],
    lostDeletes: [1],
    damages: [{ at: 894, job: 2 }],
    deployAt: 2 * HOUR_MS,
  },
  'a message that took the id of a job is returned, although the row of that job does not parse': {
    queue: 'feedback',
    concurrency: 2,
    jobs: jobs(['stolen-id', { at: 41 }], ['good', { again: 10, planned: { ahead: 5 * SECOND_MS } }]),
    outages: [{ target: 'table', from: 72, until: 60_072, fault: 'refused' }],
    damages: [{ at: 67, job: 0 }],
    deployAt: 0,
    unpolled: { from: 42, until: 600_042 },
  },
  'an entry that was sent long before its row could say so expires before the row knows': {
    queue: 'campaigns',
    concurrency: 2,
    jobs: jobs(['unknown-version', { again: 10 }], 'bad-data'),
    calls: [{ kind: 'queues.send', nth: 2, fault: 'lost' }],
    starts: [{ nth: 1, fault: 'malformed', ms: 5 }],
    outages: [{ target: 'table', from: 600_191, until: 18_600_191, fault: 'refused' }],
    redrives: [{ nth: 1, after: 30 * DAY_MS, how: 'command' }],
    controls: [{ at: 500, what: 'pause', campaign: 0 }],
    deployAt: 0,
    future: { from: 0, until: 10 * MINUTE_MS },
    skew: MINUTE_MS,
    events: true,
  },
  "a stranger's message waits behind a damaged row, also when SQS has moved it out of the DLQ and it came back": {
    queue: 'feedback',
    concurrency: 2,
    jobs: jobs(['good', { at: 25 }], ['good', { at: 18 }], 'good', ['stolen-id', { at: 66, again: 10 }]),
    calls: [
      { nth: 5, fault: 'refused' },
      { kind: 'zendesk.createTicket', nth: 1, fault: 'refused' },
      { kind: 'zendesk.createTicket', nth: 2, fault: 'lost' },
    ],
    redeliveries: [{ nth: 1, after: SECOND_MS }],
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'move' }],
    damages: [{ at: 32, job: 0 }],
    deployAt: 0,
    broken: { from: 0, until: MINUTE_MS },
    approximate: true,
  },
  'a held job has its turn beside one that the vendor never accepts, although the clocks of workers are behind': {
    queue: 'testflight',
    seed: 880_595_255,
    start: 1_777_975_198_000,
    concurrency: 2,
    jobs: jobs(
      ['good', { again: 10 }],
      ['kills-after', { at: 360_483, group: 1 }],
      ['good', { at: 961_741 }],
      ['forbidden', { at: 360_463, group: 1 }],
      ['good', { at: 1_340, again: 10 }],
      ['good', { at: 2_955, retries: 2, again: 30 * SECOND_MS }],
    ),
    calls: [
      { nth: 1, fault: 'killed-late' },
      { kind: 'queues.receive', nth: 8, fault: 'refused', times: 9 },
      { kind: 'objects.put', nth: 22, fault: 'hung' },
    ],
    outages: [
      { target: 'objects', from: 154_868, until: 214_868, fault: 'unauthorized' },
      { target: 'apple', from: 907_653, until: 4_507_653, fault: 'forbidden' },
    ],
    redeliveries: [
      { nth: 5, after: 5 * HOUR_MS },
      { nth: 5, after: 2 * HOUR_MS },
    ],
    redrives: [
      { nth: 1, after: 6 * MINUTE_MS, how: 'move' },
      { nth: 3, after: 2 * HOUR_MS, how: 'move' },
    ],
    deployAt: 300_000,
    future: { from: 360_897, until: 960_897 },
    waits: { at: 300_000, from: [60, 900], to: [60, 900, 1_800] },
    resolution: { after: 5 * HOUR_MS },
    canaries: 10 * MINUTE_MS,
    turns: true,
    events: true,
    warm: true,
  },
  'a chunk whose row newer code wrote before its message was sent goes out once the row parses': {
    queue: 'campaigns',
    seed: 1,
    concurrency: 2,
    jobs: jobs(['good', { at: 120_009 }], ['good', { again: 10 }]),
    calls: [
      { kind: 'table.put', nth: 7, fault: 'killed-late', times: 3 },
      { nth: 2, fault: 'refused' },
    ],
    controls: [
      { at: 500, what: 'pause', campaign: 1 },
      { at: 500, what: 'pause', campaign: 1 },
    ],
    future: { from: 121_314, until: 721_314 },
    resolution: { after: 600_000 },
    latency: { from: 93, until: 3_600_093, every: 90_000 },
    events: true,
  },
  'a chunk that was cancelled before its message went out is sent when an operator retries it': {
    queue: 'campaigns',
    jobs: jobs('good', 'good'),
    calls: [{ nth: 3, fault: 'refused' }],
    starts: [{ nth: 1, fault: 'throttled', ms: 5 }],
    outages: [{ target: 'queues', from: 74, until: HOUR_MS + 74, fault: 'refused' }],
    commands: [
      { job: 1, what: 'cancel', at: 20 * MINUTE_MS },
      { job: 1, what: 'retry', at: 30 * MINUTE_MS },
      { job: 0, what: 'cancel', at: 0 },
      { job: 0, what: 'retry', at: 50 },
    ],
    unpolled: { from: 0, until: 10 * MINUTE_MS },
  },
  'a stranger who knows a campaign sends none of its chunks again, and cannot pause it': {
    queue: 'campaigns',
    jobs: jobs('good'),
    forgeries: [0, 1, 2, 3].map((about) => ({
      ...{ at: 2 * MINUTE_MS + about, form: 'chunk under another id', about, times: 2 },
    })),
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

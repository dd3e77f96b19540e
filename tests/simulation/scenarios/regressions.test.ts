import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { calls, cancelAndRetry, DAY_MS, HOUR_MS, jobs, MINUTE_MS, SECOND_MS } from '../draw/build';
import { aPlan, type Plan, type Redrive } from '../draw/plan';
import { explain } from '../draw/property';
import { reportOf } from '../promises/campaigns-are-exact';
import { runPlan } from '../runs/run';
import { campaignsOf, chunkRow } from '../world/campaigns';
import type { CallFault, Fault } from '../world/faults';
import { serviceQueue } from '../world/names';
import { MARK } from '../world/watch';

/** Runs a plan in which every promise must hold. Throws with the timeline if one is broken. */
async function scenario(changes: Partial<Plan>) {
  const plan = aPlan(changes);
  const { violation, ...run } = await runPlan(plan);
  if (violation === undefined) return run;
  const { timeline } = await runPlan(plan, { detailed: true });
  throw new Error(explain({ violation, plan, timeline: timeline() }));
}

const at = (nth: number, fault: Fault, more: Partial<CallFault> = {}): CallFault => ({ nth, fault, ...more });

const redrives = (...all: [nth: number, after: number, how: Redrive['how']][]): Redrive[] =>
  all.map(([nth, after, how]) => ({ nth, after, how }));

const erasure = (name: string, at: number) => ({
  ...{ at, person: { email: `${MARK}-${name}@example.com`, user: `${MARK}-user-${name}` } },
});

/** Runs in which the service once broke a promise, as small as possible. */
const FOUND: Record<string, Partial<Plan>> = {
  'a message with a stolen id keeps its row when SQS moves it back': {
    jobs: jobs('good', ['stolen-id', { at: 5 * SECOND_MS }]),
    redrives: [{ nth: 1, after: MINUTE_MS, how: 'move' }],
  },
  'a chunk whose release failed waits with its kept body while its row does not parse': {
    queue: 'campaigns',
    calls: [{ kind: 'queues.send', nth: 2, fault: 'refused', times: 3 }],
    damages: [{ at: 61_000, job: 1 }],
  },
  'a chunk whose release failed is sent from its kept body once its row is restored': {
    queue: 'campaigns',
    calls: [{ kind: 'queues.send', nth: 2, fault: 'refused', times: 3 }],
    damages: [{ at: 61_000, job: 1, restored: 20 * MINUTE_MS }],
  },
  'a command that was cancelled before its message came is overtaken when it is retried': {
    seed: 1937519335,
    queue: 'testflight',
    jobs: jobs('leaves', ['joins', { at: 44 }]),
    calls: [{ kind: 'queues.send', nth: 1, fault: 'killed-late' }],
    commands: cancelAndRetry(0, 66, 2 * HOUR_MS),
    latency: { from: 0, until: HOUR_MS, every: 90 * SECOND_MS },
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
  'a job that is always returned after poison messages is not taken for one': {
    queue: 'bulk',
    batch: 10,
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
    outages: [
      { target: 'objects', from: 0, until: HOUR_MS, fault: 'refused' },
      { target: 'bulk', from: 0, until: 5 * HOUR_MS, fault: 'mute' },
    ],
    broken: { from: 0, until: MINUTE_MS },
  },
  'a message that waits for its own copy is not dead-lettered on its last receive': {
    queue: 'bulk-standard',
    batch: 10,
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
  'a chunk is counted even if its release died before the count and its campaign was then paused': {
    queue: 'campaigns',
    jobs: jobs(['good', { again: 10 }]),
    calls: [{ nth: 31, fault: 'killed-after' }],
    controls: [{ at: 61_000, what: 'pause', campaign: 0 }],
  },
  'the verifier does not compare a copy in another group with the jobs of its own group': {
    jobs: jobs(['good', { group: 2 }], ['good', { group: 2 }], ['copy', { at: 38 }]),
    calls: calls('zendesk.createTicket', 'refused', 'lost'),
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'command' }],
    commands: [
      { job: 0, what: 'discard', at: 15 },
      { job: 0, what: 'retry', at: 65 },
    ],
    broken: { from: 39, until: 60_039 },
    retention: 3 * 3600,
  },
  'a DLQ entry expires before the time that a fast clock has written': {
    queue: 'campaigns',
    jobs: jobs('chunk-kills-after'),
    calls: calls('sendgrid.send', 'refused', 'refused'),
    lostDeletes: [1],
    redrives: [1, 2].map((nth) => ({ nth, after: 30 * DAY_MS, how: 'command' })),
    controls: [{ at: 20 * MINUTE_MS, what: 'pause', campaign: 1 }],
    broken: { from: 60_097, until: 120_097 },
    retention: 7_200,
  },
  'SendGrid does not repeat an event for ever because a row does not parse': {
    seed: 1_570_203_197,
    queue: 'emails',
    calls: calls('sendgrid.send', 'refused', 'lost'),
    commands: cancelAndRetry(0, 0, 2 * HOUR_MS),
    damages: [{ at: 1_127, job: 0 }],
    resolution: { after: 10 * MINUTE_MS },
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
    jobs: jobs('good', 'good', 'good'),
    starts: [{ nth: 1, fault: 'throttled', ms: 5 }],
    lostDeletes: [1],
    damages: [
      { at: 600_321, job: 0 },
      { at: 0, job: 0 },
    ],
    broken: { from: 0, until: HOUR_MS },
    resolution: { after: 10 * MINUTE_MS },
    indexLag: SECOND_MS,
  },
  'a row that is damaged while its message is returned stops no other return': {
    seed: 900_458_043,
    queue: 'testflight',
    jobs: jobs(['good', { group: 1 }], 'good'),
    calls: [{ kind: 'table.get', nth: 1, fault: 'refused', times: 3 }],
    commands: cancelAndRetry(0, 0, 50),
    damages: [{ at: 960_345, job: 1 }],
    broken: { from: 22, until: 3_600_022 },
  },
  'a step is unknown because a process whose clock is ahead took the job from its run': {
    seed: 115_982_500,
    queue: 'emails',
    jobs: jobs(['copy', { again: 2 * HOUR_MS }], ['good', { at: 240_252 }]),
    redrives: redrives([1, 6 * MINUTE_MS, 'move'], [1, 15 * SECOND_MS, 'command']),
    commands: cancelAndRetry(0, 0, 50),
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
    calls: calls('sendgrid.send', 'refused', 'lost'),
    lostDeletes: [1],
    damages: [{ at: 894, job: 2 }],
    deployAt: 2 * HOUR_MS,
  },
  'a message that took the id of a job is returned, although the row of that job does not parse': {
    jobs: jobs(['stolen-id', { at: 41 }], ['good', { again: 10, planned: { ahead: 5 * SECOND_MS } }]),
    outages: [{ target: 'table', from: 72, until: 60_072, fault: 'refused' }],
    damages: [{ at: 67, job: 0 }],
    unpolled: { from: 42, until: 600_042 },
  },
  "a stranger's message waits behind a damaged row, also when SQS has moved it out of the DLQ and it came back": {
    jobs: jobs(['good', { at: 25 }], ['good', { at: 18 }], 'good', ['stolen-id', { at: 66, again: 10 }]),
    calls: [at(5, 'refused'), ...calls('zendesk.createTicket', 'refused', 'lost')],
    redeliveries: [{ nth: 1, after: SECOND_MS }],
    redrives: [{ nth: 1, after: 15 * SECOND_MS, how: 'move' }],
    damages: [{ at: 32, job: 0 }],
    broken: { from: 0, until: MINUTE_MS },
    approximate: true,
  },
  'a held job has its turn beside one that the vendor never accepts, although the clocks of workers are behind': {
    queue: 'testflight',
    seed: 880_595_255,
    start: 1_777_975_198_000,
    jobs: jobs(
      ['good', { again: 10 }],
      ['kills-after', { at: 360_483, group: 1 }],
      ['good', { at: 961_741 }],
      ['forbidden', { at: 360_463, group: 1 }],
      ['good', { at: 1_340, again: 10 }],
      ['good', { at: 2_955, retries: 2, again: 30 * SECOND_MS }],
    ),
    calls: [
      at(1, 'killed-late'),
      at(8, 'refused', { kind: 'queues.receive', times: 9 }),
      at(22, 'hung', { kind: 'objects.put' }),
    ],
    outages: [
      { target: 'objects', from: 154_868, until: 214_868, fault: 'unauthorized' },
      { target: 'apple', from: 907_653, until: 4_507_653, fault: 'forbidden' },
    ],
    redeliveries: [
      { nth: 5, after: 5 * HOUR_MS },
      { nth: 5, after: 2 * HOUR_MS },
    ],
    redrives: redrives([1, 6 * MINUTE_MS, 'move'], [3, 2 * HOUR_MS, 'move']),
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
    jobs: jobs(['good', { at: 120_009 }], ['good', { again: 10 }]),
    calls: [at(7, 'killed-late', { kind: 'table.put', times: 3 }), at(2, 'refused')],
    controls: [
      { at: 500, what: 'pause', campaign: 1 },
      { at: 500, what: 'pause', campaign: 1 },
    ],
    future: { from: 121_314, until: 721_314 },
    resolution: { after: 600_000 },
    latency: { from: 93, until: 3_600_093, every: 90_000 },
    events: true,
  },
  'a worker with a fast clock takes a job over while an invitation of its dead run is under way': {
    queue: 'testflight',
    seed: 2_124_401_045,
    start: 1_835_395_199_000,
    jobs: jobs(
      ['good', { at: 300_000, planned: { ahead: 5_000 } }],
      ['good', { at: 1 }],
      ['bad-data', { at: 9 }],
      ['good', { group: 1, again: 30_000 }],
      ['good', { at: 30_000, group: 2, again: 360_000 }],
      ['good', { at: 30_000 }],
    ),
    calls: [at(1, 'killed-late', { kind: 'apple.invite', times: 3 }), at(5, 'hung', { kind: 'table.put', times: 3 })],
    starts: [
      { nth: 14, fault: 'malformed', ms: 295_000 },
      { nth: 7, fault: 'twice', ms: 2_000 },
    ],
    forgeries: [
      { at: 305, form: 'event of its own', about: 2, times: 2 },
      { at: 301, form: 'chunk', about: 0, times: 2 },
    ],
    deployAt: 2 * HOUR_MS,
    waits: { at: 300_000, from: [60], to: [60, 900, 1_800] },
    broken: { from: 12, until: 1_200_012 },
    latency: { from: 9, until: 3_600_009, every: 90_000 },
    skew: 600_000,
    dlqRetention: 86_400,
    events: true,
    warm: true,
    retention: 86_400,
  },
  'a deleted message of a stranger comes again and is refused once for each delivery': {
    queue: 'emails',
    concurrency: 2,
    jobs: jobs(['good', { planned: { ahead: 5_000 } }], 'good'),
    calls: calls('sendgrid.send', 'refused', 'lost'),
    starts: [
      { nth: 8, fault: 'malformed', ms: 5 },
      { nth: 9, fault: 'throttled', ms: 5 },
    ],
    lostDeletes: [1],
    redeliveries: [{ nth: 1, after: 5 * HOUR_MS }],
    forgeries: [{ at: 0, form: 'placeholder', about: 0, times: 1 }],
    latency: { from: 0, until: HOUR_MS, every: 90_000 },
    retention: 86_400,
    indexLag: 1_000,
    facts: true,
    warm: true,
  },
  'a command whose first message was sent without an answer keeps the place of that message': {
    queue: 'testflight',
    seed: 883_289_884,
    start: 1_777_975_198_000,
    concurrency: 2,
    jobs: jobs(
      ['leaves', { at: 2_713, group: 1 }],
      ['good', { at: 663 }],
      ['not-json', { at: 12 }],
      ['good', { at: 673, again: 2 * HOUR_MS }],
      ['resend', { at: 1_033_623, group: 2, again: 2 * HOUR_MS }],
      ['good', { at: 500_309, group: 2, again: 2 * HOUR_MS }],
      ['leaves', { at: 2_713, group: 1, again: 6 * MINUTE_MS }],
    ),
    calls: [at(7, 'silent'), at(2, 'slow'), ...calls('apple.addToGroup', 'failed', 'silent')],
    deployAt: 2 * HOUR_MS,
    future: { from: 1_023_906, until: 8_223_906 },
    resolution: { after: 600_000 },
    broken: { from: 12, until: 60_012 },
    latency: { from: 34_066, until: 3_634_066, every: 660_000 },
    turns: true,
    events: true,
    facts: true,
    warm: true,
  },
  'a chunk that was cancelled before its message went out is sent when an operator retries it': {
    queue: 'campaigns',
    jobs: jobs('good', 'good'),
    calls: [{ nth: 3, fault: 'refused' }],
    starts: [{ nth: 1, fault: 'throttled', ms: 5 }],
    outages: [{ target: 'queues', from: 74, until: HOUR_MS + 74, fault: 'refused' }],
    commands: [...cancelAndRetry(1, 20 * MINUTE_MS, 30 * MINUTE_MS), ...cancelAndRetry(0, 0, 50)],
    unpolled: { from: 0, until: 10 * MINUTE_MS },
  },
  'a stranger who knows a campaign sends none of its chunks again, and cannot pause it': {
    queue: 'campaigns',
    jobs: jobs('good'),
    forgeries: [0, 1, 2, 3].map((about) => ({
      ...{ at: 2 * MINUTE_MS + about, form: 'chunk under another id', about, times: 2 },
    })),
  },
  'a caller repeats a planned call that was never accepted, after its person was erased': {
    jobs: jobs(['good', { planned: { ahead: 3 * HOUR_MS }, again: 2 * HOUR_MS }]),
    calls: [{ nth: 2, fault: 'refused' }],
    erasures: [erasure('0', 16 * MINUTE_MS)],
  },
  'a mail from an unverified sender to an erased person needs no request': {
    queue: 'emails',
    jobs: jobs(['unverified', { at: MINUTE_MS }]),
    erasures: [erasure('0', 0)],
  },
  'the only recipient of a chunk who was not erased is refused': {
    queue: 'campaigns',
    jobs: jobs('one-refused'),
    erasures: [erasure('0-0', 3 * SECOND_MS), erasure('0-2', 3 * SECOND_MS)],
  },
  'the first message of a group comes back from the DLQ after its row was restored, and the next went first': {
    seed: 606651503,
    jobs: jobs(['good', { at: 6 }], ['good', { at: 6 }], 'good').map((job) => ({ ...job, group: 0 })),
    calls: calls('table.get', 'killed-before'),
    redeliveries: [{ nth: 1, after: SECOND_MS }],
    damages: [{ at: 21, job: 0, restored: 20 * MINUTE_MS }],
    unpolled: { from: 5 * MINUTE_MS + 1_014, until: 3 * HOUR_MS },
    retention: 86_400,
  },
  'the end of an erased job that was never sent is published after its kept body is gone': {
    queue: 'emails',
    jobs: jobs(
      ['good', { group: 0, planned: { ahead: 5 * SECOND_MS } }],
      ['good', { planned: { ahead: 5 * SECOND_MS } }],
    ),
    calls: [{ nth: 2, fault: 'killed-late' }],
    erasures: [erasure('0', 20 * HOUR_MS), erasure('1', 2 * HOUR_MS)],
    events: true,
    latency: { from: 0, until: HOUR_MS, every: 90_000 },
    dlqRetention: 10_800,
    retention: 10_800,
  },
  'jobs of two groups lose their groups by erasures, and keep no order between them': {
    jobs: jobs('good', ['good', { group: 1 }]),
    starts: [{ nth: 1, fault: 'throttled', ms: 2 * SECOND_MS }],
    forgeries: [{ at: 0, form: 'placeholder', about: 0, times: 1 }],
    erasures: [erasure('1', 2 * HOUR_MS), erasure('0', 2_946)],
    skew: MINUTE_MS,
  },
  "a stranger's own job that came in two message groups keeps no hash of the erased person's group": {
    seed: 762376387,
    jobs: jobs(['good', { at: 462 }], 'good', 'good'),
    calls: calls('sendgrid.send', 'refused'),
    outages: [{ target: 'table', from: 712, until: MINUTE_MS + 712, fault: 'refused' }],
    commands: [{ job: 0, what: 'cancel', at: 0 }],
    forgeries: [{ at: 462, form: 'event of its own', about: 2, times: 2 }],
    erasures: [erasure('2', 2 * HOUR_MS)],
  },
  'a planned job whose call is repeated after its time is due from then on': {
    jobs: jobs(
      ['good', { again: 2 * HOUR_MS, planned: { ahead: 5 * SECOND_MS } }],
      ['good', { planned: { ahead: 5 * SECOND_MS } }],
    ),
    calls: [{ kind: 'objects.get', nth: 1, fault: 'refused', times: 3 }],
    outages: [{ target: 'table', from: 0, until: MINUTE_MS, fault: 'refused' }],
    future: { from: 0, until: 10 * MINUTE_MS },
    waits: { at: 30 * SECOND_MS, from: [60, 900], to: [60, 900] },
    broken: { from: 0, until: MINUTE_MS },
    indexLag: SECOND_MS,
  },
  'a job whose worker dies while parking it runs once more, and ends with the failure': {
    queue: 'bulk',
    jobs: jobs('fails'),
    calls: calls('objects.put', 'killed-before'),
  },
  ...Object.fromEntries(
    (['retry-after', 'disallowed'] as const).map((fault) => [
      `a mail that was never sent is not unknown after ${fault}, although the bucket then refuses its body`,
      { queue: 'emails', calls: [...calls('sendgrid.send', fault), ...calls('objects.put', 'refused')] },
    ]),
  ),
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8].map((nth) => [
      `a mail that was never sent is not unknown although the table cannot be read from read ${nth} on`,
      { queue: 'emails', calls: [{ kind: 'table.get', nth, fault: 'refused', times: 3 }] },
    ]),
  ),
};

/** Runs that chance never makes. */
const RARE: Record<string, Partial<Plan>> = {
  'an event that another SDK wrote, whose id is no UUID, is held and released': {
    jobs: jobs('event', ['event', { group: 1 }]),
    outages: [{ target: 'zendesk', from: 0, until: HOUR_MS, fault: 'throttled' }],
  },
  ...Object.fromEntries(
    (['command', 'move'] as const).map((how) => [
      `an event whose id is no UUID is dead and redriven by ${how}`,
      { jobs: jobs('event'), calls: calls('zendesk.createTicket', 'forbidden'), redrives: redrives([1, HOUR_MS, how]) },
    ]),
  ),
  'an event whose id is no UUID is sent twice, and stays one job': { jobs: jobs(['event', { again: 10 * MINUTE_MS }]) },
  'a job that is planned a month ahead': { jobs: jobs(['good', { planned: { ahead: 30 * DAY_MS } }]) },
};

test.each(Object.entries({ ...FOUND, ...RARE }))('%s', async (_name, plan) => {
  await expect(scenario(plan)).resolves.toBeDefined();
});

test('a planned job holds up no other job of its group', async () => {
  const { world, inputs } = await scenario({
    queue: 'testflight',
    jobs: jobs(['good', { planned: { ahead: HOUR_MS } }], ['good', { at: 5 * SECOND_MS }]),
  });

  const other = world.watch.row(`${serviceQueue(world)}#${inputs[1]?.id}`);
  expect(other?.endedAt).toBeLessThan(world.plan.start + MINUTE_MS);
});

test.each(['chunk-kills-before', 'chunk-kills-after'] as const)(
  'a campaign with a %s chunk ends without its recipients',
  async (kind) => {
    const { world } = await scenario({ queue: 'campaigns', jobs: jobs([kind, { group: 1 }]) });

    const [campaign] = campaignsOf(world);
    if (!campaign) throw new Error('the campaign is missing');
    expect(chunkRow(world, campaign, 1)).toMatchObject({ state: 'dead', error: { code: 'CrashLoop' } });
    const jobsOf = { refused: [chunkId(campaign.id, 1)] };
    expect(await reportOf(world, campaign)).toMatchObject({ status: 'ended', accepted: 4, refused: 3, jobs: jobsOf });
  },
);

import fc from 'fast-check';
import type { SendingLimits } from '../../../lib/platform/config/functions';
import { VENDORS as ALL_VENDORS, vendorsOf } from '../../../lib/queues/queues';
import { isProduced } from '../world/callers';
import { AWS, CALL_FAULTS, type CallFault, OUTAGES, type Outage, START_FAULTS, type Target } from '../world/faults';
import { bringsPoison, hasPoisonChunk } from '../world/poison';
import type { SimulatedQueue } from '../world/types';
import { MARK } from '../world/watch';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './build';
import { aPlan, DAMAGED_FORMS, FORGED_FORMS, type JobKind, type JobSpec, type Load, type Plan } from './plan';

/** Calls at which faults are aimed by name. Other calls are hit by their number. */
const KINDS: Record<Target, readonly string[]> = {
  table: ['get', 'put', 'update', 'due', 'todos', 'count'],
  objects: ['put', 'create', 'get', 'delete'],
  queues: ['send', 'sendBatch', 'receive', 'changeVisibility', 'changeVisibilityBatch', 'delete', 'depth'],
  events: ['publish', 'tell'],
  zendesk: ['createTicket', 'findTicket', 'upload'],
  sendgrid: ['send'],
  apple: [
    ...['findTester', 'createTester', 'groupsOf', 'addToGroup', 'removeFromGroup', 'removeFromApp'],
    ...['invite', 'notifyBuild'],
  ],
};

/** Calls whose effect a person sees. */
const EFFECTS: readonly string[] = ['createTicket', 'send', 'addToGroup', 'invite'];

const VENDORS: Record<string, Target[]> = {
  feedback: ['zendesk', 'sendgrid'],
  emails: ['sendgrid'],
  testflight: ['apple', 'sendgrid'],
  campaigns: ['sendgrid'],
  analytics: [],
};

function targetsOf(queues: readonly SimulatedQueue[]): readonly Target[] {
  const vendors = queues.flatMap(({ name }): Target[] => VENDORS[name] ?? []);
  return [...AWS, ...new Set(vendors)];
}

/** At least one, with these fields. */
const some = <T>(most: number, fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.array(fc.record<T>(fields), { minLength: 1, maxLength: most });
/** At once, or at any moment. */
const moment = (last: number) => fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: last }));

const weighted = <T>(...choices: [weight: number, arbitrary: fc.Arbitrary<T>][]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** Small numbers are drawn more often, because most runs make few calls of one kind. */
const nth = (max: number) => weighted([3, fc.integer({ min: 1, max: 8 })], [2, fc.integer({ min: 1, max })]);

function callFault(queues: readonly SimulatedQueue[]): fc.Arbitrary<CallFault> {
  const kinds = targetsOf(queues).flatMap((target) => KINDS[target].map((method) => `${target}.${method}`));
  const fault = fc.constantFrom(...CALL_FAULTS);
  return fc.oneof(
    fc.record({ nth: nth(200), fault }),
    fc.record({ kind: fc.constantFrom(...kinds), nth: nth(30), fault }),
    // Our code tries a call to the table three times.
    fc.record({ kind: fc.constantFrom(...kinds), nth: nth(30), fault, times: fc.constantFrom(3, 4, 9) }),
  );
}

/** Faults of one vendor call in a row. The last answer often never comes. */
function streak(queues: readonly SimulatedQueue[]): fc.Arbitrary<CallFault[]> {
  const vendors = targetsOf(queues).filter((target) => !AWS.includes(target));
  const kinds = vendors.flatMap((target) => KINDS[target].map((method) => ({ method, kind: `${target}.${method}` })));
  if (kinds.length === 0) return fc.constant([]);
  const effects = kinds.filter(({ method }) => EFFECTS.includes(method));
  return fc
    .record({
      call: fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...effects) }, fc.constantFrom(...kinds)),
      first: fc.constantFrom(1, 1, 1, 2, 3),
      // An attempt makes three calls.
      count: fc.constantFrom(1, 2, 3, 4, 5, 6, 6, 7, 9, 12),
      fault: fc.oneof(fc.constantFrom<CallFault['fault']>('refused', 'failed'), fc.constantFrom(...CALL_FAULTS)),
      last: fc.oneof(fc.constantFrom<CallFault['fault']>('lost', 'silent', 'gateway'), fc.constantFrom(...CALL_FAULTS)),
    })
    .map(({ call: { kind }, first, count, fault, last }) =>
      Array.from({ length: count + 1 }, (_, index) => ({
        kind,
        nth: first + index,
        fault: index < count ? fault : last,
      })),
    );
}

const starts = some(3, {
  nth: fc.integer({ min: 1, max: 20 }),
  fault: fc.constantFrom(...START_FAULTS),
  // Some values are near the visibility timeouts. A start that waits for capacity then meets the message's return.
  ms: fc.constantFrom(5, 2_000, 30_000, 175_000, 295_000, 1_000_000),
});

function outage(queues: readonly SimulatedQueue[]): fc.Arbitrary<Outage> {
  return fc
    .record({
      target: fc.constantFrom(...targetsOf(queues)),
      from: fc.integer({ min: 0, max: 20 * MINUTE_MS }),
      lasts: weighted([20, fc.constantFrom(MINUTE_MS, 10 * MINUTE_MS, HOUR_MS)], [1, fc.constant(5 * HOUR_MS)]),
      fault: fc.constantFrom(...OUTAGES),
    })
    .map(({ target, from, lasts, fault }) => ({ target, from, until: from + lasts, fault }) as Outage);
}

/** Shorter and longer than the wait of a confirmation. Beside other queues, a day of trial calls would be a long run. */
const mailOutage = (longest: number): fc.Arbitrary<Outage> =>
  fc
    .record({
      from: moment(10 * MINUTE_MS),
      lasts: fc.constantFrom(5 * MINUTE_MS, 40 * MINUTE_MS, 3 * HOUR_MS, longest),
      fault: fc.constantFrom('unauthorized', 'unauthorized', 'failed', 'refused', 'throttled'),
    })
    .map(({ from, lasts, fault }) => ({ target: 'sendgrid', from, until: from + lasts, fault }) as Outage);

/** The queues whose jobs end with a mail that they promised. */
const OWES = ['feedback', 'testflight'];

/** Kinds of jobs that succeed unless a fault prevents it. */
const GOOD: readonly JobKind[] = [
  ...(['good', 'attachment', 'opted-out', 'removal', 'resend', 'resend-new', 'build', 'joins', 'leaves'] as const),
  ...(['one-refused', 'tracked'] as const),
];

const planned: fc.Arbitrary<JobSpec['planned']> = fc
  .tuple(
    fc.constantFrom(5_000, 90_000, 20 * MINUTE_MS, 3 * HOUR_MS),
    fc.constantFrom(undefined, undefined, 10, 20 * MINUTE_MS),
  )
  .map(([ahead, cancel]) => ({ ahead, ...(cancel === undefined ? {} : { cancel }) }));

function job(queue: SimulatedQueue): fc.Arbitrary<JobSpec> {
  // Only a row makes a planned job start.
  if (queue.isDoneWithout) return unplanned(queue);
  return fc
    .tuple(unplanned(queue), maybe(planned))
    .map(([spec, plan]) => (plan && isProduced(spec.kind) ? { ...spec, planned: plan } : spec));
}

function unplanned(queue: SimulatedQueue): fc.Arbitrary<JobSpec> {
  const good = queue.kinds.filter((kind) => GOOD.includes(kind));
  return fc.record(
    {
      kind: weighted([3, fc.constantFrom(...good)], [2, fc.constantFrom(...queue.kinds)]),
      at: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 20 * MINUTE_MS })),
      group: fc.integer({ min: 0, max: 2 }),
      retries: fc.constantFrom(0, 2),
      again: fc.constantFrom(10, 30_000, 6 * MINUTE_MS, 2 * HOUR_MS),
    },
    { requiredKeys: ['kind', 'at', 'group', 'retries'] },
  );
}

const redrives = some(3, {
  nth: fc.integer({ min: 1, max: 3 }),
  // Longer than the time by which an earlier call can land late (course.ts).
  after: fc.constantFrom(15_000, MINUTE_MS, 4 * MINUTE_MS, 6 * MINUTE_MS, 2 * HOUR_MS, 30 * DAY_MS),
  how: fc.constantFrom<Plan['redrives'][number]['how'][]>(
    ...(['command', 'move', 'move after replace', 'move after discard'] as const),
  ),
});

/** Commands of operators at any moment. A cancelled job is often retried. */
const commands = some(2, {
  job: fc.integer({ min: 0, max: 3 }),
  at: moment(30 * MINUTE_MS),
  gap: fc.constantFrom(50, 3_000, MINUTE_MS, 10 * MINUTE_MS, 2 * HOUR_MS),
  whats: fc.constantFrom<Plan['commands'][number]['what'][][]>(
    ['cancel', 'retry'],
    ['cancel', 'retry', 'cancel', 'retry'],
    ['cancel'],
    ['retry'],
    ['discard', 'retry'],
    ['resend'],
  ),
}).map((drawn) =>
  drawn.flatMap(({ job, at, gap, whats }) => whats.map((what, index) => ({ job, what, at: at + index * gap }))),
);

/** Pauses and rates of the vendors that these queues call. */
function limits(queues: readonly SimulatedQueue[]): fc.Arbitrary<Plan['limits']> {
  const vendors = vendorsOf(queues.map(({ name, queue = name }) => queue));
  if (vendors.length === 0) return fc.constant([]);
  const limit = fc.record({
    at: moment(20 * MINUTE_MS),
    vendor: fc.constantFrom(...vendors),
    lasts: fc.constantFrom(3_000, MINUTE_MS, 10 * MINUTE_MS, 2 * HOUR_MS),
    ends: fc.constantFrom('by itself', 'by resume'),
    perSecond: fc.constantFrom(undefined, undefined, 0.5, 20),
  });
  const limits = limit.map(({ perSecond, ...rest }) => ({ ...rest, ...(perSecond && { perSecond }) }));
  return fc.array(limits, { minLength: 1, maxLength: 2 });
}

const damage = {
  at: moment(30 * MINUTE_MS),
  job: fc.integer({ min: 0, max: 3 }),
  restored: fc.constantFrom(10_000, 20 * MINUTE_MS, 3 * HOUR_MS),
};
const form = { field: fc.integer({ min: 0, max: 50 }), form: fc.constantFrom(...DAMAGED_FORMS) };
const shared = { at: damage.at, restored: damage.restored, ...form };
const damages = fc.array(
  fc.oneof(
    fc.record(damage, { requiredKeys: ['at', 'job'] }),
    fc.record({ ...shared, vendor: fc.constantFrom(...ALL_VENDORS) }),
    fc.record({ ...shared, campaign: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ ...shared, pause: fc.constant(true as const) }),
  ),
  { minLength: 1, maxLength: 2 },
);

/** Persons of feedback by its group, of mails and testers by their place in the plan, of campaigns by their lists. */
const erasures = some(2, {
  at: fc.oneof(
    fc.integer({ min: 0, max: 5_000 }),
    fc.integer({ min: 0, max: 30 * MINUTE_MS }),
    fc.constantFrom(2 * HOUR_MS, 20 * HOUR_MS),
  ),
  person: fc.constantFrom(
    ...[0, 1, 2].map((one) => ({ email: `${MARK}-${one}@example.com`, user: `${MARK}-user-${one}` })),
    ...['0-0', '0-2', '1-1'].map((one) => ({ email: `${MARK}-${one}@example.com` })),
  ),
});

/** A stranger meets a job in every state, so it sends early and late. */
const forgeries: fc.Arbitrary<Plan['forgeries']> = some(4, {
  at: moment(30 * MINUTE_MS),
  form: fc.constantFrom(...FORGED_FORMS),
  about: fc.integer({ min: 0, max: 4 }),
  times: fc.constantFrom(1, 1, 2),
});

/** What a deployment changes, and when. */
const change = <T>(of: fc.Arbitrary<T>, ...times: number[]) =>
  fc.record({ at: fc.constantFrom(30_000, 5 * MINUTE_MS, 20 * MINUTE_MS, ...times), from: of, to: of });
const waits = change(fc.constantFrom([60, 900], [60], [60, 900, 1_800]));
const settings = fc.record({ receives: fc.constantFrom(3, 3, 2, 5), pace: fc.constantFrom(1, 1, 5) });
const changes = change(settings, 2 * HOUR_MS);

const redeliveries = some(2, {
  nth: fc.integer({ min: 1, max: 8 }),
  after: fc.constantFrom(1_000, 4 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS),
});

const window = (latest: number, ...lasts: [number, ...number[]]) =>
  fc
    .record({ from: fc.integer({ min: 0, max: latest }), lasts: fc.constantFrom(...lasts) })
    .map(({ from, lasts }) => ({ from, until: from + lasts }));

const latency = fc
  .tuple(window(10 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS), fc.constantFrom(90_000, 4 * MINUTE_MS, 11 * MINUTE_MS))
  .map(([times, every]) => ({ ...times, every }));

const rarely = <T>(arbitrary: fc.Arbitrary<T>, none: T): fc.Arbitrary<T> =>
  weighted([4, fc.constant(none)], [1, arbitrary]);

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => rarely<T | undefined>(arbitrary, undefined);

const controls: fc.Arbitrary<Plan['controls']> = fc.array(
  fc.record({
    at: weighted([3, fc.integer({ min: 500, max: 3 * MINUTE_MS })], [1, fc.constantFrom(20 * MINUTE_MS, 2 * HOUR_MS)]),
    what: fc.constantFrom('pause', 'resume', 'resume', 'cancel', 'suppress', 'suppress'),
    campaign: fc.integer({ min: 0, max: 1 }),
  }),
  { maxLength: 4 },
);

/** Windows that open or close within minutes of a start, and caps of less than a chunk, of one and of several. */
const sending: fc.Arbitrary<SendingLimits> = fc
  .record({
    between: fc.constantFrom(undefined, '00:30–01:00', '12:10–01:00'),
    dailyCap: fc.constantFrom(undefined, 2, 4, 10),
  })
  .map(({ between, dailyCap }) => ({
    zone: 'Europe/Berlin',
    ...(between && { between }),
    ...(dailyCap && { dailyCap }),
  }));

/** Starts just before the end of an hour, day, month or year. */
const START = [
  Date.UTC(2026, 11, 31, 23, 58),
  Date.UTC(2026, 4, 5, 9, 59, 58),
  Date.UTC(2028, 1, 28, 23, 59, 59),
] as const;

/** The most jobs of a queue that runs beside others. It is enough for them to meet. */
const MOST_BESIDE = 3;

function load(queue: SimulatedQueue, { alone }: { alone: boolean }): fc.Arbitrary<Load> {
  const { mostJobs = 8 } = queue;
  return fc.record({
    queue: fc.constant(queue.name),
    batch: fc.constantFrom(...queue.batches),
    concurrency: fc.constantFrom(2, 10),
    jobs: fc.array(
      job(queue),
      alone ? { minLength: 1, maxLength: mostJobs } : { maxLength: Math.min(mostJobs, MOST_BESIDE) },
    ),
  });
}

export function anyPlan(queues: readonly SimulatedQueue[]): fc.Arbitrary<Plan> {
  const hasCampaigns = queues.some(({ controlled }) => controlled);
  const loads = fc.tuple(...queues.map((queue) => load(queue, { alone: queues.length === 1 })));
  return fc
    .record({
      loads: loads.map((all) => {
        const some = all.filter(({ jobs }) => jobs.length > 0);
        return some.length > 0 ? some : all.slice(0, 1);
      }),
      seed: fc.integer({ min: 1, max: 2 ** 31 }),
      start: fc.constantFrom(...START),
      calls: fc.array(callFault(queues), { maxLength: 6 }),
      streak: rarely(streak(queues), []),
      commands: rarely(commands, []),
      limits: rarely(limits(queues), []),
      damages: rarely(damages, []),
      forgeries: weighted<Plan['forgeries']>([3, fc.constant([])], [2, forgeries]),
      erasures: maybe(erasures),
      future: maybe(window(20 * MINUTE_MS, 10 * MINUTE_MS, 2 * HOUR_MS)),
      waits: maybe(waits),
      starts: rarely(starts, []),
      outages: rarely(fc.array(outage(queues), { minLength: 1, maxLength: 2 }), []),
      mailOutage: queues.some(({ name }) => OWES.includes(name))
        ? maybe(mailOutage(queues.length === 1 ? 26 * HOUR_MS : 4 * HOUR_MS))
        : fc.constant(undefined),
      lostDeletes: rarely(fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 2 }), []),
      redrives: rarely(redrives, []),
      resolution: maybe(fc.record({ after: fc.constantFrom(10 * MINUTE_MS, 5 * HOUR_MS) })),
      resend: maybe(fc.record({ after: fc.constantFrom(10_000, 20 * MINUTE_MS, 5 * HOUR_MS) })),
      mailWait: maybe(fc.constantFrom(60_000, 2 * HOUR_MS, DAY_MS)),
      deployAt: fc.constantFrom(0, 5 * MINUTE_MS, 40 * MINUTE_MS, 2 * HOUR_MS),
      broken: maybe(window(10 * MINUTE_MS, MINUTE_MS, 20 * MINUTE_MS, HOUR_MS)),
      latency: maybe(latency),
      skew: maybe(fc.constantFrom(60_000, 10 * MINUTE_MS)),
      unpolled: maybe(window(10 * MINUTE_MS, 10 * MINUTE_MS, 3 * HOUR_MS)),
      retention: maybe(fc.constantFrom(2 * 3600, 86_400)),
      dlqRetention: maybe(fc.constantFrom(3 * 3600, 86_400)),
      approximate: maybe(fc.constant(true as const)),
      share: maybe(fc.constantFrom(1, 2)),
      indexLag: maybe(fc.constantFrom(1_000, 20_000, 5 * MINUTE_MS)),
      canaries: maybe(fc.constantFrom(10 * MINUTE_MS, HOUR_MS)),
      turns: fc.boolean(),
      events: fc.constantFrom(undefined, true as const),
      facts: fc.constantFrom(undefined, true as const),
      changes: maybe(changes),
      redeliveries: rarely(redeliveries, []),
      warm: fc.constantFrom(undefined, true as const),
      controls: hasCampaigns ? controls : fc.constant<Plan['controls']>([]),
      // Days pass, so a run of several queues would be long.
      sending:
        hasCampaigns && queues.length === 1
          ? weighted([19, fc.constant(undefined as never)], [1, sending])
          : fc.constant(undefined as never),
      tries: fc.constantFrom(undefined, [0, 10], [3_000], [5_000, 20_000, 40_000], [MINUTE_MS, 4 * MINUTE_MS, HOUR_MS]),
    })
    .map(({ loads: [first, ...beside], streak, mailOutage, ...drawn }) => {
      const { calls, outages: drawnOutages, redrives, changes, retention, dlqRetention } = drawn;
      const present = Object.entries(drawn).filter(([, value]) => value !== undefined && value !== false);
      const jobs = [first, ...beside].flatMap((load) => load?.jobs ?? []);
      const kinds = jobs.map(({ kind }) => kind);
      // Two forbidden jobs keep the circuit open permanently, with a trial call every minute. After a change of the
      // order, the reconciler looks every minute at a job that waits for an unknown one. A month of that is too long
      // for a run.
      const outages = mailOutage ? [...drawnOutages, mailOutage] : drawnOutages;
      const isBusy = kinds.includes('forbidden') || changes !== undefined;
      const releasesPoison = jobs.some(({ kind, planned }) => hasPoisonChunk(kind) || (planned && bringsPoison(kind)));
      return aPlan({
        ...(Object.fromEntries(present) as Partial<Plan>),
        ...first,
        beside,
        calls: [...calls, ...streak],
        // If SQS accepts messages without an answer, the reconciler releases them again. Each copy of a poison message
        // then has to be found separately.
        outages: outages.filter(({ target, fault }) => !(target === 'queues' && fault === 'silent' && releasesPoison)),
        redrives: redrives
          // If SQS moved a message that then expired unread, no trace of it is left.
          .filter(({ how }) => how === 'command' || !(retention || dlqRetention))
          .filter(({ after }) => after < DAY_MS || !isBusy),
        ...(drawn.erasures && { erasures: drawn.erasures.filter(({ at }) => at < DAY_MS / 2 || !isBusy) }),
        // The DLQ keeps messages at least as long as the queue, as in every row of the table of queues.
        ...(dlqRetention ? { retention: Math.min(dlqRetention, retention ?? dlqRetention) } : {}),
      });
    });
}

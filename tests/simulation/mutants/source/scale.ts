import { jobs, many, SECOND_MS } from '../../draw/build';
import type { Plan } from '../../draw/plan';
import { mutant, type SourceMutant } from '../source-mutant';

const CIRCUIT = 'lib/engine/worker/circuit.ts';
const GATE = 'lib/engine/worker/gate.ts';
const RELEASE = 'lib/engine/reconcile/release.ts';
const DUE = 'lib/engine/reconcile/due.ts';
const WALK = 'lib/engine/reconcile/dead-letters.ts';

/** An operator pauses Zendesk while jobs come. */
const PAUSED: Partial<Plan> = {
  limits: [{ vendor: 'zendesk', at: 20 * SECOND_MS, lasts: 120 * SECOND_MS, ends: 'by resume' }],
  jobs: jobs('good', ['good', { at: 19.9 * SECOND_MS, group: 1 }], ['good', { at: 40 * SECOND_MS, group: 2 }]),
};

const ENDS = 'lib/engine/reconcile/ends.ts';
const LATE = /^liveness: not done within/;
/** A worker parks the job, or the reconciler does, which the plan sees only by its end. */
const DEAD = /^no bystanders|^liveness/;

const HOURS = 'lib/queues/analytics/hours.ts';
const KEYS = 'lib/queues/analytics/keys.ts';
const ERASE = 'lib/operate/ops/erase.ts';
const PROCESS = 'lib/queues/analytics/process.ts';
const LOST = /^nothing lost/;
const NO_ROW = /^nothing lost: .* has no row/;

export const SCALE_MUTANTS: Record<string, SourceMutant> = {
  closedForever: mutant(
    {
      warm: true,
      outages: [{ target: 'zendesk', from: 20 * SECOND_MS, until: 90 * SECOND_MS, fault: 'unauthorized' }],
      jobs: many(5, 'good', (group) => ({ at: ([0, 0, 21, 30, 30][group] ?? 0) * SECOND_MS, group })),
    },
    /^open circuits refuse/,
    CIRCUIT,
    { 'Math.abs(readAt - before.readAt) < TRUSTED_MS': 'readAt !== 0' },
  ),
  pauseIgnored: mutant(PAUSED, /^paused vendors refuse/, GATE, {
    'limitsOf(circuit, clock.now()).paused)': "limitsOf(circuit, 0).paused?.by === '')",
  }),
  // The call of the second job lasts until after the pause, and closes the circuit that counts a failure.
  pauseForgotten: mutant(
    { ...PAUSED, calls: [{ kind: 'zendesk.createTicket', nth: 1, fault: 'failed', times: 3 }] },
    /^paused vendors refuse/,
    CIRCUIT,
    { '...others, forbidden: []': '...others, paused: undefined, forbidden: []' },
  ),
  trialWithoutLease: mutant('trial-of-waiting', /^one trial/, CIRCUIT, {
    '(circuit.trial?.until ?? 0) <= now': 'circuit.trial !== null',
  }),
  fieldCounted: mutant('others-go-on', /^no bystanders/, GATE, { ' && error.field === undefined': '' }),
  jobsCounted: mutant('others-go-on', /^no bystanders/, GATE, {
    'identity === undefined ? job : identityHash(identity)': 'identity === "" ? identityHash(identity) : job',
  }),
  oldestTried: mutant('innocent-among-guilty', /^liveness/, RELEASE, {
    '((circuit.failedTrials ?? 0) + waited) % 2 === 0': 'circuit.failedTrials === -1',
  }),

  // A table that fails is no crash.
  heldJobsGoInTheirOrder: mutant('recovery', /^bystanders/, RELEASE, {
    'return Math.floor((left + Math.round(random.fraction())) / 2);': 'return Math.floor(random.fraction() * 0);',
  }),
  'a run tries once to give its job back': mutant('table-refuses', DEAD, 'lib/engine/worker/close.ts', {
    'leftMs() > LEAST_MS; ) {': 'failure === error; ) {',
    'witnessed ||= await leaveWitness(deps, queue, token);': '',
  }),
  'a claim looks for no witness': mutant('table-refuses', DEAD, 'lib/engine/worker/claim.ts', {
    '(await hasWitness(deps, queue, last.token))': 'false',
  }),

  // Faults that make a walk through a DLQ too slow.
  'entries that a walk has seen return after five minutes': mutant('large-dlq', LATE, WALK, {
    'await show(kept, until)': 'await show(kept, clock.now() + 300_000)',
  }),
  'entries are judged one after another': mutant('large-dlq', LATE, WALK, {
    'const results = await Promise.allSettled(groups.map(judgeGroup));':
      'const results = []; for (const group of groups) results.push(...(await Promise.allSettled([judgeGroup(group)])));',
  }),
  'untried messages are returned only at the end of the queue': mutant(
    'large-dlq',
    /^liveness: the first run did not return the message in front/,
    WALK,
    { '{ untried, whole, mayGoOn': '{ untried: whole ? untried : [], whole, mayGoOn' },
  ),
  'a walk without a reason needs a run in a certain minute': mutant('dlq-by-chance', LATE, WALK, {
    'quarter(now) === quarter(deps.lastRunAt)': 'now % WALK_ANYWAY_MS >= 60_000',
  }),

  // Faults that release held jobs too slowly, too fast, or not at all.
  'due-rows-of-one-page': mutant('failing', /^bystanders/, DUE, { 'yield* oldest;': '' }),
  'no-backoff': mutant('failing', /^tries in vain/, DUE, { 'await backOff(row).catch(() => undefined)': '1' }),
  'all-released-at-once': mutant('recovery', /^requests in vain/, RELEASE, {
    '= () => settings(queue).room,': '= () => 1_000_000,',
  }),
  'a-minute-of-planned-work': mutant('slow-digest', /^bystanders: .* waits behind planned/, RELEASE, {
    'PLANNED_MS = 10_000': 'PLANNED_MS = 60_000',
  }),
  'planned-work-by-one-burst': mutant('slow-digest', /^bystanders: .* waits behind planned/, RELEASE, {
    'before.recent * fading + before.messages - depth':
      '((before.messages - depth) / Math.max(1, at - before.at)) * PLANNED_MS',
  }),
  'one-look-a-run': mutant('recovery', /^liveness/, RELEASE, {
    'return room.isFull() || kinds.some(isSoon);': 'return now < 0;',
  }),
  'no-least-number-of-releases': mutant('never-empty', /^liveness/, RELEASE, {
    'const LEAST = 20;': 'const LEAST = 0;',
  }),

  // Faults by which jobs that only wait for a worker hide those that are lost.
  'early-entries-stay': mutant('backlog', /^liveness: the lost job/, ENDS, {
    'await writeItem(deps, { ...row, ...next }, row.version)': 'await undefined',
  }),
  'one-work-takes-all-time': mutant('backlog', /^calls/, 'lib/engine/reconcile/reconcile.ts', {
    'LARGEST_SHARE = 0.25': 'LARGEST_SHARE = 1',
  }),
  'unclaimed-jobs-are-not-sent': mutant('backlog', LATE, ENDS, {
    'now - UNCLAIMED_MS + expiresAfter(deps.settings(queue)) : now': 'now : now',
  }),

  // Every job writes these index entries. They are spread over eight partition keys.
  onePartitionForAll: mutant(
    'starts',
    /^scale: todo sample#\w+#0 takes more than 1000 writes/,
    'lib/engine/jobs/keys.ts',
    {
      'const SHARDS = 8;': 'const SHARDS = 1;',
    },
  ),
  shardOfVersion: mutant(
    'starts',
    /^scale: todo sample#\w+#\d takes more than 1000 writes/,
    'lib/engine/jobs/schedule.ts',
    {
      'todoKeyOf(row, kind)': 'todoKeyOf({ ...row, id: String(row.version) }, kind)',
    },
  ),

  // Faults by which events are lost or shown twice.
  lateMessagesLeaveNothing: mutant('hours', LOST, KEYS, {
    'LATE_AFTER_MS = 10 * 60_000': 'LATE_AFTER_MS = 200 * 24 * HOUR_MS',
  }),
  messagesAreLateTooLate: mutant('hours', LOST, KEYS, {
    'LATE_AFTER_MS = 10 * 60_000': 'LATE_AFTER_MS = 45 * 60_000',
  }),
  hoursAreWrittenTooEarly: mutant('hours', LOST, KEYS, { 'SETTLE_MS = 15 * 60_000': 'SETTLE_MS = 0' }),
  partsAreWrittenAnew: mutant('hours', /^never fewer/, HOURS, {
    'stored ? await fromParquet(stored.bytes) : []': '[]',
  }),
  objectsAreNamedByTheDelivery: mutant({ queue: 'analytics' }, NO_ROW, PROCESS, {
    'id: envelope.id };': 'id: envelope.id + now() };',
  }),
  rejectedEventsAreDropped: mutant({ queue: 'analytics' }, NO_ROW, PROCESS, {
    'if (rejected) await': 'if (rejected && now() === 0) await',
  }),
  failedHoursAreForgotten: mutant('hours', LOST, HOURS, {
    'doubtAt = clock.now();': 'doubtAt = clock.now(); pending.delete(hour);',
  }),
  idsAreKeptTwice: mutant('hours', /^once/, HOURS, {
    'added.set(identity, row)': 'added.set(identity + row.job_id, row)',
  }),
  erasedBeforeTheLastWrite: mutant('hours-erased', /^erased: a reader sees/, ERASE, {
    'if (waitMs > 0) await clock.sleep(waitMs);': '',
  }),
  erasedBesideARun: mutant('hours-erased', /^erased: a reader sees/, 'lib/engine/jobs/items.ts', {
    'if (stored && stored.until > now) return undefined;': '',
  }),
  lateHoursAreNotWrittenAgain: mutant('hours', LOST, HOURS, {
    'for (const hour of [next, ...late])': 'for (const hour of [next])',
  }),
};

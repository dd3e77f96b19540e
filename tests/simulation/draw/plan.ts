import * as z from 'zod';
import { CLOCK_SKEW_MS } from '../../../lib/engine/jobs/row';
import { sendingLimits } from '../../../lib/platform/config/functions';
import { VENDORS } from '../../../lib/queues/queues';
import {
  CALL_FAULTS,
  type CallFault,
  OUTAGES,
  type Outage,
  START_FAULTS,
  type StartFault,
  TARGETS,
} from '../world/faults';

/**
 * Kinds of messages that our producer did not make, and that may come to each queue. `stolen-id` has the id of the job
 * before it, but other data. `copy` is the same message as that job, under another deduplication id.
 */
export const FOREIGN = ['not-json', 'no-envelope', 'bad-data', 'unknown-version', 'stolen-id', 'copy'] as const;

/** The kinds of jobs. Some exist in one queue only. */
const KINDS = [
  'good',
  /** A poison message: kills the process that reads it, or the process that runs it. */
  'kills-before',
  'kills-after',
  /** The vendor refuses it permanently. */
  'refused',
  /** The vendor answers 403 to this job only. */
  'forbidden',
  /** Mails: SendGrid does not know the sender and answers 403 with the name of the field. */
  'unverified',
  ...FOREIGN,
  /** Another CloudEvents SDK wrote it: its id is no UUID and its time has an offset. */
  'event',
  /** Feedback of which Zendesk refuses one part, or the parts one after another and a file. */
  'reduced-once',
  'reduced',
  /** Feedback with an attachment, or without a confirmation. */
  'attachment',
  'opted-out',
  /**
   * TestFlight: a tester leaves the app or a group, a tester is invited again, also one who was never
   * invited, or testers get mail about a build.
   */
  'removal',
  'resend',
  'resend-new',
  'build',
  /** TestFlight: commands about one tester of each app, who joins one or two groups, or leaves them or the app. */
  'joins',
  'leaves',
  /** Analytics: events that a tracker packs, one by one or together. The other kinds are whole messages. */
  'tracked',
  /** Campaigns: SendGrid refuses one address, or every request. */
  'one-refused',
  'unsendable',
  /** Campaigns: many addresses of the list bounce, or their owners report spam. */
  'bad-list',
  /** Campaigns: the second chunk is a poison message. */
  'chunk-kills-before',
  'chunk-kills-after',
] as const;
export type JobKind = (typeof KINDS)[number];

/** A call as `world/faults.ts` names it. */
const CALL = new RegExp(`^(${TARGETS.join('|')})\\.\\w+$`);

const ms = z.number().min(0);
const place = z.int().min(0);
const window = { from: ms, until: ms };
const perhaps = <T extends z.ZodType>(of: T) => of.exactOptional();

export const DAMAGED_FORMS = ['null', 'other type', 'out of range'] as const;
export type DamagedForm = (typeof DAMAGED_FORMS)[number];

/** What a stranger makes, who knows the ids of jobs, what their callers know, and every form of a message. */
export const FORGED_FORMS = [
  /** They only name a job of ours. */
  'placeholder',
  'lost body',
  'DLQ entry',
  'return',
  'entry of a damaged row',
  /** Events under the id of a job of ours: with other data, with a token too, or with the data its caller gave. */
  'id of ours',
  'id and random',
  'job as its caller knows it',
  'event of its own',
  'canary',
  /** A chunk of a campaign, under the id of that chunk or under another. */
  'chunk',
  'chunk under another id',
  'no JSON',
  'no time',
] as const;
export type ForgedForm = (typeof FORGED_FORMS)[number];

const callFault = z.strictObject({
  kind: perhaps(z.string().regex(CALL, 'must be a call such as table.put')),
  nth: z.int().min(1),
  fault: z.enum(CALL_FAULTS),
  times: perhaps(z.int().min(1)),
}) satisfies z.ZodType<CallFault>;
const startFault = z.strictObject({
  nth: z.int().min(1),
  fault: z.enum(START_FAULTS),
  ms,
}) satisfies z.ZodType<StartFault>;
const outage = z.strictObject({
  ...window,
  target: z.enum(TARGETS),
  fault: z.enum(OUTAGES),
  method: perhaps(z.string()),
}) satisfies z.ZodType<Outage>;
const person = z.strictObject({ email: z.string().optional(), user: z.string().optional() });
const settings = z.strictObject({ receives: z.int().min(1), pace: z.number().positive() });

const jobSpec = z.strictObject({
  kind: z.enum(KINDS),
  /** Milliseconds after the start. */
  at: ms,
  group: place,
  /** How often the caller tries again with the same key after the producer refuses. */
  retries: place,
  /** The caller submits the job again this long after its acceptance. */
  again: perhaps(ms),
  /** The job must not start before this long after `at`. The caller cancels it so long after its acceptance. */
  planned: perhaps(z.strictObject({ ahead: ms, cancel: perhaps(ms) })),
});
export type JobSpec = z.infer<typeof jobSpec>;

/** An operator redrives a dead job, so long after the `nth` death. */
const redrive = z.strictObject({
  nth: z.int().min(1),
  after: ms,
  /**
   * `command`: our own command. `move`: SQS's message move task for the whole DLQ, perhaps at once after an operator has
   * ended the job for good by another command.
   */
  how: z.enum(['command', 'move', 'move after replace', 'move after discard']),
});

/** An operator controls a campaign, or suppresses one of its recipients, ms after the start. */
const control = z.strictObject({
  at: ms,
  what: z.enum(['pause', 'resume', 'cancel', 'suppress']),
  /** The campaign's place among those that have begun by then. */
  campaign: place,
});

/** An operator cancels, retries or discards a job in any state, ms after the start. */
const command = z.strictObject({
  at: ms,
  what: z.enum(['cancel', 'retry', 'discard', 'resend']),
  /** The job's place among the queue's jobs that have a row by then. */
  job: place,
});
export type Command = z.infer<typeof command>;

/** An operator pauses a vendor, or sets its rate, ms after the start. It ends by itself, or the operator ends it. */
const vendorLimit = z.strictObject({
  at: ms,
  vendor: z.enum(VENDORS),
  lasts: ms,
  ends: z.enum(['by itself', 'by resume']),
  perSecond: perhaps(ms),
});
export type VendorLimit = z.infer<typeof vendorLimit>;

/** A person damages an item, ms after the start, so that it does not parse. */
const damage = z.strictObject({
  at: ms,
  /** The row of a job that has not ended: its place among the queue's jobs that have a row by then. */
  job: perhaps(place),
  /** The circuit of a vendor, if there is one by then. */
  vendor: perhaps(z.enum(VENDORS)),
  /** A campaign that has not ended: its place among those that are stored by then. */
  campaign: perhaps(place),
  /** A pause of the service's first queue, which only this damage makes. */
  pause: perhaps(z.literal(true)),
  /** Which of the attributes of a shared item, by its place, and what it is then. */
  field: perhaps(place),
  form: perhaps(z.enum(DAMAGED_FORMS)),
  /** It is restored so long after that. Without it, never: only a row. */
  restored: perhaps(ms),
});
export type Damage = z.infer<typeof damage>;

/** A stranger sends a message to each queue, ms after the start. All that it may do is to send. */
const forgery = z.strictObject({
  at: ms,
  form: z.enum(FORGED_FORMS),
  /** The named job's place among the queue's jobs that have a row by then. Without such a row: a job still to come. */
  about: place,
  times: z.int().min(1),
});
export type Forgery = z.infer<typeof forgery>;

const load = z.strictObject({
  /** A name from queues/queues.ts. */
  queue: z.string(),
  batch: z.int().min(1),
  concurrency: z.int().min(1),
  jobs: z.array(jobSpec),
});
export type Load = z.infer<typeof load>;

/** One run. The seed decides the rest. */
export const planSchema = z.strictObject({
  ...load.shape,
  seed: z.int().min(1),
  /** The start of the run, ms since 1970. */
  start: ms,
  /** Other queues of the same service. All share the table, bucket, vendors and reconciler. */
  beside: z.array(load),
  calls: z.array(callFault),
  starts: z.array(startFault),
  outages: z.array(outage),
  /** A bad deployment: no worker starts between these times, in ms after the start. */
  broken: perhaps(z.strictObject(window)),
  /** Lambda does not poll between these times. */
  unpolled: perhaps(z.strictObject(window)),
  /** Between these times Lambda polls only every few minutes. All in ms, the times after the start. */
  latency: perhaps(z.strictObject({ from: ms, until: ms, every: ms })),
  /** The most by which the clocks of two processes differ, in ms. Without it, as much as the service allows for. */
  skew: perhaps(ms),
  /** Numbers of Lambda's deletes that never reach SQS. */
  lostDeletes: z.array(z.int().min(1)),
  /** SQS delivers a message once more, so long after Lambda's `nth` delete in all. */
  redeliveries: z.array(z.strictObject({ nth: z.int().min(1), after: ms })),
  redrives: z.array(redrive),
  controls: z.array(control),
  commands: z.array(command),
  limits: z.array(vendorLimit),
  /** Operators ask for a trial call so long after a circuit has opened, in ms. */
  tries: perhaps(z.array(ms)),
  /** When campaigns may send. Without it, always. */
  sending: perhaps(z.strictObject(sendingLimits.shape)),
  /** An operator erases a person, ms after the start. */
  erasures: perhaps(z.array(z.strictObject({ at: ms, person }))),
  damages: z.array(damage),
  forgeries: z.array(forgery),
  /** The next release writes all live rows at `from`, and comes back at `until`, in ms after the start. */
  future: perhaps(z.strictObject(window)),
  /** An operator checks the vendor so long after a step became unknown, and resolves the step. Without it, none does. */
  resolution: perhaps(z.strictObject({ after: ms })),
  /** An operator lets a job send the mail that it lacks, so long after its end. Without it, none does. */
  resend: perhaps(z.strictObject({ after: ms })),
  /** How long a confirmation or a notification may wait for SendGrid, in ms. */
  mailWait: perhaps(ms),
  /** When a deployment replaces all processes, ms after the start. */
  deployAt: ms,
  /** Seconds between attempts before and after a deployment. `at`: ms after the start. */
  waits: perhaps(z.strictObject({ at: ms, from: z.array(ms), to: z.array(ms) })),
  /** Settings before and after a deployment. `at`: ms after the start. `pace`: how many times the usual rate of mails. */
  changes: perhaps(z.strictObject({ at: ms, from: settings, to: settings })),
  /** Lambda gives a new event to a process that has ended another one, until a deployment replaces it. */
  warm: perhaps(z.literal(true)),
  /** A person deletes all kept bodies from the bucket, ms after the start. */
  emptied: perhaps(ms),
  /** The reconciler sends canaries until this time, in ms after the start. Without it, there are none. */
  canaries: perhaps(ms),
  /** As SQS allows, a receive may return only some messages or none, and counts may be off by one. */
  approximate: perhaps(z.literal(true)),
  events: perhaps(z.literal(true)),
  facts: perhaps(z.literal(true)),
  /** SQS hands out groups by turns. Without it, the group with the oldest message comes first. */
  turns: perhaps(z.literal(true)),
  /** How many due jobs the reconciler takes at a time. Further jobs wait. */
  share: perhaps(z.int().min(1)),
  /** The delay of the table's indexes in ms. */
  indexLag: perhaps(ms),
  /** Seconds. The default is the queue's own setting. */
  retention: perhaps(ms),
  dlqRetention: perhaps(ms),
});
export type Plan = z.infer<typeof planSchema>;

/** A job that comes at the start, from a caller who does not try again. */
export function aJob(kind: JobKind, changes: Partial<JobSpec> = {}): JobSpec {
  return { kind, at: 0, group: 0, retries: 0, ...changes };
}

/** How long a confirmation or a notification may wait for SendGrid, in ms. */
export const mailWaitOf = ({ mailWait = 15 * 60_000 }: Pick<Plan, 'mailWait'>): number => mailWait;

/** How far apart the clocks of two processes may be, in ms. */
export const skewOf = ({ skew = CLOCK_SKEW_MS }: Pick<Plan, 'skew'>): number => skew;

export const aPlan = (changes: Partial<Plan> = {}): Plan => ({
  seed: 1,
  queue: 'feedback',
  start: Date.UTC(2026, 11, 31, 23, 58),
  batch: 1,
  concurrency: 10,
  jobs: [aJob('good')],
  beside: [],
  calls: [],
  starts: [],
  outages: [],
  lostDeletes: [],
  redeliveries: [],
  redrives: [],
  controls: [],
  commands: [],
  limits: [],
  damages: [],
  forgeries: [],
  deployAt: 0,
  ...changes,
});

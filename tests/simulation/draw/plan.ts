import { CLOCK_SKEW_MS } from '../../../lib/engine/jobs/row';
import type { Person } from '../../../lib/operate/ops/search';
import type { SendingLimits } from '../../../lib/platform/config/functions';
import type { Vendor } from '../../../lib/platform/errors';
import type { CallFault, Outage, StartFault } from '../world/faults';

/** The kinds of jobs. Some exist in one queue only. */
export type JobKind =
  | 'good'
  /** A poison message: kills the process that reads it, or the process that runs it. */
  | 'kills-before'
  | 'kills-after'
  /** The vendor refuses it permanently. */
  | 'refused'
  /** The vendor answers 403 to this job only. */
  | 'forbidden'
  /** Mails: SendGrid does not know the sender and answers 403 with the name of the field. */
  | 'unverified'
  /** Messages that did not come from our producer. */
  | (typeof FOREIGN)[number]
  /** Another CloudEvents SDK wrote it: its id is no UUID and its time has an offset. */
  | 'event'
  /** Feedback of which Zendesk refuses one part, or the parts one after another and a file. */
  | 'reduced-once'
  | 'reduced'
  /** Feedback with an attachment, or without a confirmation. */
  | 'attachment'
  | 'opted-out'
  /** TestFlight: a tester leaves the app or a group, a tester is invited again, or testers get mail about a build. */
  | 'removal'
  | 'resend'
  | 'build'
  /** TestFlight: commands about one tester of each app, who joins one or two groups, or leaves them or the app. */
  | 'joins'
  | 'leaves'
  /** Campaigns: SendGrid refuses one address, or every request. */
  | 'one-refused'
  | 'unsendable'
  /** Campaigns: many addresses of the list bounce, or their owners report spam. */
  | 'bad-list'
  /** Campaigns: the second chunk is a poison message. */
  | 'chunk-kills-before'
  | 'chunk-kills-after';

/**
 * Kinds of messages that our producer did not make, and that may come to each queue. `stolen-id` has the id of the job
 * before it, but other data. `copy` is the same message as that job, under another deduplication id.
 */
export const FOREIGN = ['not-json', 'no-envelope', 'bad-data', 'unknown-version', 'stolen-id', 'copy'] as const;

export interface JobSpec {
  kind: JobKind;
  /** Milliseconds after the start. */
  at: number;
  group: number;
  /** How often the caller tries again with the same key after the producer refuses. */
  retries: number;
  /** The caller submits the job again this long after its acceptance. */
  again?: number;
  /** The job must not start before this long after `at`. The caller cancels it so long after its acceptance. */
  planned?: { ahead: number; cancel?: number };
}

/** An operator redrives a dead job, so long after the `nth` death. */
interface Redrive {
  nth: number;
  after: number;
  /**
   * `command`: our own command. `move`: SQS's message move task for the whole DLQ, perhaps at once after an operator has
   * ended the job for good by another command.
   */
  how: 'command' | 'move' | 'move after replace' | 'move after discard';
}

/** An operator controls a campaign, or suppresses one of its recipients, ms after the start. */
interface Control {
  at: number;
  what: 'pause' | 'resume' | 'cancel' | 'suppress';
  /** The campaign's place among those that have begun by then. */
  campaign: number;
}

/** An operator cancels, retries or discards a job in any state, ms after the start. */
export interface Command {
  at: number;
  what: 'cancel' | 'retry' | 'discard' | 'resend';
  /** The job's place among the queue's jobs that have a row by then. */
  job: number;
}

/** An operator pauses a vendor, or sets its rate, ms after the start. It ends by itself, or the operator ends it. */
export interface VendorLimit {
  at: number;
  vendor: Vendor;
  lasts: number;
  ends: 'by itself' | 'by resume';
  perSecond?: number;
}

/** A person damages an item, ms after the start, so that it does not parse. */
export interface Damage {
  at: number;
  /** The row of a job that has not ended: its place among the queue's jobs that have a row by then. */
  job?: number;
  /** The circuit of a vendor, if there is one by then. */
  vendor?: Vendor;
  /** A campaign that has not ended: its place among those that are stored by then. */
  campaign?: number;
  /** A pause of the service's first queue, which only this damage makes. */
  pause?: true;
  /** Which of the attributes of a shared item, by its place, and what it is then. */
  field?: number;
  form?: DamagedForm;
  /** It is restored so long after that. Without it, never: only a row. */
  restored?: number;
}

export const DAMAGED_FORMS = ['null', 'other type', 'out of range'] as const;
export type DamagedForm = (typeof DAMAGED_FORMS)[number];

/** What a stranger makes, who knows the ids of jobs, what their callers know, and every form of a message. */
export type ForgedForm =
  /** They only name a job of ours. */
  | 'placeholder'
  | 'lost body'
  | 'DLQ entry'
  | 'return'
  | 'entry of a damaged row'
  /** Events under the id of a job of ours: with other data, with a token too, or with the data its caller gave. */
  | 'id of ours'
  | 'id and random'
  | 'job as its caller knows it'
  | 'event of its own'
  | 'canary'
  /** A chunk of a campaign, under the id of that chunk or under another. */
  | 'chunk'
  | 'chunk under another id'
  | 'no JSON'
  | 'no time';

/** A stranger sends a message to each queue, ms after the start. All that it may do is to send. */
export interface Forgery {
  at: number;
  form: ForgedForm;
  /** The named job's place among the queue's jobs that have a row by then. Without such a row: a job still to come. */
  about: number;
  times: number;
}

export interface Load {
  /** A name from queues/queues.ts. */
  queue: string;
  batch: number;
  concurrency: number;
  jobs: JobSpec[];
}

/** One run. The seed decides the rest. */
export interface Plan extends Load {
  seed: number;
  /** The start of the run, ms since 1970. */
  start: number;
  /** Other queues of the same service. All share the table, bucket, vendors and reconciler. */
  beside: Load[];
  calls: CallFault[];
  starts: StartFault[];
  outages: Outage[];
  /** A bad deployment: no worker starts between these times, in ms after the start. */
  broken?: { from: number; until: number };
  /** Lambda does not poll between these times. */
  unpolled?: { from: number; until: number };
  /** Between these times Lambda polls only every few minutes. All in ms, the times after the start. */
  latency?: { from: number; until: number; every: number };
  /** The most by which the clocks of two processes differ, in ms. Without it, as much as the service allows for. */
  skew?: number;
  /** Numbers of Lambda's deletes that never reach SQS. */
  lostDeletes: number[];
  /** SQS delivers a message once more, so long after Lambda's `nth` delete in all. */
  redeliveries: { nth: number; after: number }[];
  redrives: Redrive[];
  controls: Control[];
  commands: Command[];
  limits: VendorLimit[];
  /** Operators ask for a trial call so long after a circuit has opened, in ms. */
  tries?: readonly number[];
  /** When campaigns may send. Without it, always. */
  sending?: SendingLimits;
  /** An operator erases a person, ms after the start. */
  erasures?: { at: number; person: Person }[];
  damages: Damage[];
  forgeries: Forgery[];
  /** The next release writes all live rows at `from`, and comes back at `until`, in ms after the start. */
  future?: { from: number; until: number };
  /** An operator checks the vendor so long after a step became unknown, and resolves the step. Without it, none does. */
  resolution?: { after: number };
  /** An operator lets a job send the mail that it lacks, so long after its end. Without it, none does. */
  resend?: { after: number };
  /** How long a confirmation or a notification may wait for SendGrid, in ms. */
  mailWait?: number;
  /** When a deployment replaces all processes, ms after the start. */
  deployAt: number;
  /** Seconds between attempts before and after a deployment. `at`: ms after the start. */
  waits?: { at: number; from: readonly number[]; to: readonly number[] };
  /** Settings before and after a deployment. `at`: ms after the start. `pace`: how many times the usual rate of mails. */
  changes?: { at: number } & Record<'from' | 'to', { receives: number; pace: number }>;
  /** Lambda gives a new event to a process that has ended another one, until a deployment replaces it. */
  warm?: true;
  /** A person deletes all kept bodies from the bucket, ms after the start. */
  emptied?: number;
  /** The reconciler sends canaries until this time, in ms after the start. Without it, there are none. */
  canaries?: number;
  /** As SQS allows, a receive may return only some messages or none, and counts may be off by one. */
  approximate?: true;
  events?: true;
  facts?: true;
  /** SQS hands out groups by turns. Without it, the group with the oldest message comes first. */
  turns?: true;
  /** How many due jobs the reconciler takes at a time. Further jobs wait. */
  share?: number;
  /** The delay of the table's indexes in ms. */
  indexLag?: number;
  /** Seconds. The default is the queue's own setting. */
  retention?: number;
  dlqRetention?: number;
}

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

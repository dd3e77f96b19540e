import type { CallFault, Outage, StartFault } from '../world/faults';
import type { Versions } from '../world/versions';

/** What kind of job, as every queue knows it; a queue may have kinds of its own. */
export type JobKind =
  | 'good'
  /** Sent under a version that the code comes to know at `deployAt`. */
  | 'newer'
  /** Kills the process that reads it, or that runs it. */
  | 'kills-before'
  | 'kills-after'
  /** The vendor refuses it for good. */
  | 'refused'
  /** Its service fails for it at every attempt. */
  | 'fails'
  /** Its service fails for it at the first attempt. */
  | 'falters'
  /** The vendor answers 403 to it, and to nobody else. */
  | 'forbidden'
  /** E-mails: SendGrid does not know the sender, and says so by a 403 that names the field. */
  | 'unverified'
  /** Messages that no producer of ours made. */
  | 'not-json'
  | 'no-envelope'
  | 'bad-data'
  | 'unknown-version'
  /** Carries the id of the job before it, with other data. */
  | 'stolen-id'
  /** The message of the job before it once more, under another deduplication id. */
  | 'copy'
  /** Feedback: with an attachment; without a confirmation. */
  | 'attachment'
  | 'opted-out'
  /** TestFlight: a tester leaves the app or a group, who was invited before is invited again, testers hear of a build. */
  | 'removal'
  | 'resend'
  | 'build'
  /** Campaigns: SendGrid refuses one of the addresses, or every request. */
  | 'one-refused'
  | 'unsendable'
  /** Campaigns: the second chunk kills the process that reads it, or that runs it. */
  | 'chunk-kills-before'
  | 'chunk-kills-after';

export interface JobSpec {
  kind: JobKind;
  /** Milliseconds after the start. */
  at: number;
  group: number;
  /** How often the caller asks again, with the same key, where the producer says no. */
  retries: number;
  /** The caller asks once more this long after it was told yes. */
  again?: number;
}

/** An operator who brings back what is dead, so long after the `nth` death. */
export interface Redrive {
  nth: number;
  after: number;
  /** `command`: as ours does it. `move`: SQS's own message move task, over the whole DLQ. */
  how: 'command' | 'move';
}

/** A person who, so long after a step became unknown, has looked at the vendor's and says what became of it. */
export interface Settlement {
  after: number;
}

/** An operator who stops a campaign or lets it go on, ms after the start. */
export interface Control {
  at: number;
  what: 'pause' | 'resume' | 'cancel';
  /** Its place among those that have begun by then. */
  campaign: number;
}

/** An operator who cancels, retries or discards a job, ms after the start, whatever it is doing then. */
export interface Command {
  at: number;
  what: 'cancel' | 'retry' | 'discard';
  /** Its place among the queue's jobs that have a row by then. */
  job: number;
}

/** What comes to one queue, and how it is worked off. */
export interface Load {
  /** As in queues.ts. */
  queue: string;
  batch: number;
  concurrency: number;
  jobs: JobSpec[];
}

/** One run, drawn beforehand: everything but the chances that follow from its seed. */
export interface Plan extends Load {
  seed: number;
  /** When it begins, ms since 1970. */
  start: number;
  /** Other queues of the same service, with which it shares table, bucket, vendors and reconciler. */
  beside: Load[];
  calls: CallFault[];
  starts: StartFault[];
  outages: Outage[];
  /** Workers do not start at all, from and until in ms after the start: a bad deployment. */
  broken?: { from: number; until: number };
  /** Nobody polls. */
  unpolled?: { from: number; until: number };
  /** The `nth` delete of Lambda's that never reaches SQS. */
  lostDeletes: number[];
  redrives: Redrive[];
  controls: Control[];
  commands: Command[];
  /** Nobody looks where there is none. */
  settlement?: Settlement;
  /** Phases of a deployment and its roll-back, one after another; all code is today's where there are none. */
  versions?: readonly Versions[];
  /** When the code comes to know newer messages; ms after the start. */
  deployAt: number;
  /** Seconds between attempts, before a deployment and after it; `at`: ms after the start. */
  waits?: { at: number; from: readonly number[]; to: readonly number[] };
  /** Until when canaries are sent, in ms after the start; where there is none, none are. */
  canaries?: number;
  /** A receive may show a part of what is there, or nothing, and counts are off by one: SQS promises no more. */
  approximate?: true;
  /** How much of what is due the reconciler takes on at a time: with more jobs than that, some have to wait. */
  share?: number;
  /** How long the table's indexes show what was before, ms. */
  indexLag?: number;
  /** Seconds; the queue's own where there is none. */
  retention?: number;
  dlqRetention?: number;
}

export const aPlan = (changes: Partial<Plan> = {}): Plan => ({
  seed: 1,
  queue: 'feedback',
  start: Date.UTC(2026, 11, 31, 23, 58),
  batch: 1,
  concurrency: 10,
  jobs: [{ kind: 'good', at: 0, group: 0, retries: 0 }],
  beside: [],
  calls: [],
  starts: [],
  outages: [],
  lostDeletes: [],
  redrives: [],
  controls: [],
  commands: [],
  deployAt: 0,
  ...changes,
});

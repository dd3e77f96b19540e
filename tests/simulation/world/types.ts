import type { FactMessage } from '../../../lib/alarms/notification';
import type { QueueSettings } from '../../../lib/config/functions';
import type { BatchQueues, Events, Facts, OutgoingMessage, Queues, Table } from '../../../lib/ports';
import type { Topic } from '../../../lib/reconcile/facts';
import type { QueueContract, WorkerDeps } from '../../../lib/worker/contract';
import type { AcceptedMail } from '../../../packages/local/fakes/sendgrid';
import type { SqsModel } from '../../../packages/local/sqs/model';
import type { ProducerDeps } from '../../../packages/producer/campaign';
import type { MemoryObjects } from '../../support/memory-objects';
import type { MemoryTable } from '../../support/memory-table';
import type { ForgedForm, JobKind, JobSpec, Plan } from '../draw/plan';
import type { Vendors } from '../vendors/vendors';
import type { Caller, CallerDeps, Process } from './calls';
import type { Listeners, Watch } from './watch';

/** The whole world of one run, seen from one of its queues. */
export interface World extends Lane, Listeners, CallerDeps {
  /** The same world seen from each of its queues. They share all but the fields of `Lane`. */
  lanes: readonly World[];
  call: Caller;
  vendors: Vendors;
  stores: { table: MemoryTable; objects: MemoryObjects; queues: Queues & BatchQueues };
  sqs: SqsModel;
  reached: ReadonlyMap<string, number>;
  /** The time of the last fault or outside input. The run must come to rest within a bound after it. */
  lastTrouble(): number;
  /** Those that are running. */
  processes: Set<Process>;
  /** By queue and counter: how often the rows and the metrics say that it happened. */
  counted: Map<string, { rows: number; metrics: number }>;
  /** Called with every message that a process sends, by the queue's name. */
  onSent: ((by: Process, queue: string, message: OutgoingMessage) => void)[];
  /** By job: calls to a vendor of which its workers do not know whether they took effect. */
  inDoubt: Map<string, number>;
  /** By their mark: the messages of strangers that SQS took. */
  forged: Map<string, Forged>;
  /** The vendors that an operator has paused, and from when until when. */
  pauses: Map<string, { from: number; until: number }>;
  /** Ids of jobs about which something stored was damaged. */
  damaged: Set<string>;
  /** By address: when an operator was told that it is in the suppression list. */
  suppressed: Map<string, number>;
  /** Outside actions that are still to come. */
  pending: Set<unknown>;
  onFact: ((fact: FactMessage) => void)[];
  /** Called with every line of the log, and with the process that wrote it. */
  onLog: ((message: string, facts: Facts | undefined, process: string) => void)[];
  onMeasure: ((name: string, value: number, dimensions: Record<string, string>) => void)[];
  /** Called with the mails of every bulk request that SendGrid accepts. */
  onMails: ((mails: readonly AcceptedMail[]) => void)[];
}

/** A message that a stranger sent, and how often it was refused. */
export interface Forged {
  form: ForgedForm;
  queue: string;
  job: string;
  messageId: string;
  refusals: number;
  /** It began a run of a job. */
  opened?: true;
  /** A worker found that its job had ended, and the job's row had no token. */
  late?: true;
}

/** The part of the world that belongs to one queue. */
export interface Lane {
  /** The plan, with this queue's load. */
  plan: Plan;
  queue: SimulatedQueue;
  settings: QueueSettings;
  /** Its `rows` are those of this queue. */
  watch: Watch;
}

/** What the simulation must know about a queue. Add each queue to queues.ts. */
export interface SimulatedQueue {
  name: string;
  /** The service's name for the queue, if it is simulated in parts. */
  queue?: string;
  /** Without `room`, which follows from the plan's load. */
  settings: Omit<QueueSettings, 'room'>;
  functionTimeoutMs: number;
  batches: readonly number[];
  /** The most jobs of one run. The default is 8. A queue whose jobs create further jobs has fewer. */
  mostJobs?: number;
  /** How long the reconciler stays to release chunks, in ms. */
  stayMs?: number;
  /** Whether its work is campaigns, which can be paused, resumed and cancelled. */
  controlled?: true;
  kinds: readonly JobKind[];
  type: string;
  contract(world: World, process: Process, ports: Ports): QueueContract;
  data(spec: JobSpec, index: number): Record<string, unknown>;
  group(spec: JobSpec): string;
  /** Stores what the jobs need before the run. */
  prepare?(world: World): Promise<void>;
  submit(deps: ProducerDeps, job: Submitted, world: World): Promise<{ id: string }>;
  /** For a queue whose jobs have no rows until something goes wrong: whether a job without a row is done. */
  isDoneWithout?(world: World, id: string, spec: JobSpec, index: number): boolean;
  /**
   * By step: the effect (watch.ts) that shows an operator whether the step took effect. Only for steps that can be
   * unknown.
   */
  provenBy?: Readonly<Record<string, string>>;
  /** TestFlight: what a job wants of a tester whom other jobs are about too. Without `groups`: the whole app. */
  wanted?(
    spec: JobSpec,
    index: number,
  ): { app: string; email: string; member: boolean; groups?: readonly string[] } | undefined;
  /** What is wrong with the effects of a succeeded job, or `undefined`. */
  wrong(world: World, id: string, spec: JobSpec, index: number): string | undefined;
}

export interface Ports extends Pick<WorkerDeps, 'objects' | 'clock' | 'random' | 'log' | 'metrics'> {
  table: Table;
  queues: Queues & BatchQueues;
  events: Events;
  topic: Pick<Topic, 'publish'>;
}

export interface Submitted {
  spec: JobSpec;
  index: number;
  key: string;
  /** Only of a planned job. */
  notBefore?: string;
}

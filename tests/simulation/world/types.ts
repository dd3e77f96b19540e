import type { Topic } from '../../../lib/engine/reconcile/facts';
import type { QueueContract, WorkerDeps } from '../../../lib/engine/worker/contract';
import type { QueueSettings } from '../../../lib/platform/config/functions';
import type { BatchQueues, Events, Queues, Table } from '../../../lib/platform/ports';
import type { ProducerDeps } from '../../../packages/producer/campaign';
import type { JobKind, JobSpec, Plan } from '../draw/plan';
import type { Process } from './calls';
import type { Shared } from './shared';
import type { Watch } from './watch';

/** The whole world of one run, seen from one of its queues. */
export interface World extends Shared {
  /** The same world seen from each of its queues. They share all but the fields below. */
  lanes: readonly World[];
  /** With this queue's load. */
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
  /** Within this time a caller has its answer, unless a call hangs, in ms. By default it gives up after a minute. */
  callerMs?: number;
  type: string;
  contract(world: World, process: Process, ports: Ports): QueueContract;
  data(spec: JobSpec, index: number): Record<string, unknown>;
  group(spec: JobSpec): string;
  /** Whether the producer may refuse a call now, because the job's own time is long over. */
  isLate?(world: World, index: number): boolean;
  /** Stores what the jobs need before the run. */
  prepare?(world: World): Promise<void>;
  /** `more`: the ids of further messages that this call sent. */
  submit(deps: Producing, job: Submitted, world: World): Promise<{ id: string; more?: readonly string[] }>;
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

export type Producing = ProducerDeps & { queues: BatchQueues };

interface Submitted {
  spec: JobSpec;
  index: number;
  key: string;
  /** Only of a planned job. */
  notBefore?: string;
}

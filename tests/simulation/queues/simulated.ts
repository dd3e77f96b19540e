import type { QueueSettings } from '../../../lib/config';
import type { ProducerDeps } from '../../../lib/producer/producer';
import type { QueueContract } from '../../../lib/worker/contract';
import type { JobKind, JobSpec } from '../draw/plan';
import type { Process } from '../world/calls';
import type { Ports } from '../world/ports';
import type { World } from '../world/world';

/** What the simulation must know about a queue. Add each queue to queues.ts. */
export interface SimulatedQueue {
  name: string;
  /** The service's name for the queue, if it is simulated in parts. */
  queue?: string;
  settings: QueueSettings;
  functionTimeoutMs: number;
  /** The batch sizes to draw from. */
  batches: readonly number[];
  /** The most jobs of one run. The default is 8. A queue whose jobs create further jobs has fewer. */
  mostJobs?: number;
  /** How long the reconciler stays to release chunks, in ms. */
  stayMs?: number;
  /** Whether its work is campaigns, which can be paused, resumed and cancelled. */
  controlled?: true;
  kinds: readonly JobKind[];
  type: string;
  /** The type of the next version. */
  newerType: string;
  /** The contract in one process of one code version. */
  contract(world: World, process: Process, ports: Ports): QueueContract;
  /** The data that the caller submits. */
  data(spec: JobSpec, index: number): Record<string, unknown>;
  group(spec: JobSpec): string;
  /** Stores what the jobs need before the run. */
  prepare?(world: World): Promise<void>;
  /** Submits a job through this queue's producer. */
  submit(
    deps: ProducerDeps,
    job: { spec: JobSpec; index: number; key: string; type: string },
    world: World,
  ): Promise<{ id: string }>;
  /** For a queue whose jobs have no rows until something goes wrong: whether a job without a row is done. */
  isDoneWithout?(world: World, id: string, spec: JobSpec, index: number): boolean;
  /**
   * By step: the effect (watch.ts) that shows an operator whether the step took effect. Only for steps that can be
   * unknown.
   */
  provenBy?: Readonly<Record<string, string>>;
  /** What is wrong with the effects of a succeeded job, or `undefined`. */
  wrong(world: World, id: string, spec: JobSpec, index: number): string | undefined;
}

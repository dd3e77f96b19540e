import type { QueueSettings } from '../../../lib/config';
import type { ProducerDeps } from '../../../lib/producer/producer';
import type { QueueContract } from '../../../lib/worker/contract';
import type { JobKind, JobSpec } from '../draw/plan';
import type { Process } from '../world/calls';
import type { Ports } from '../world/ports';
import type { World } from '../world/world';

/** All that the simulation must know of a queue; a queue joins by writing one of these down in queues.ts. */
export interface SimulatedQueue {
  name: string;
  /** The service's name of it, where a queue is simulated in parts. */
  queue?: string;
  settings: QueueSettings;
  functionTimeoutMs: number;
  /** Batch sizes that may be drawn. */
  batches: readonly number[];
  /** Jobs of one run at most, where each makes more of them; 8 where nothing is said. */
  mostJobs?: number;
  /** How long the reconciler stays for campaigns. */
  stayMs?: number;
  /** Its work is campaigns: they can be paused, resumed and cancelled. */
  controlled?: true;
  kinds: readonly JobKind[];
  type: string;
  /** The same under a version that comes later. */
  newerType: string;
  /** The contract as one process of one version of the code has it. */
  contract(world: World, process: Process, ports: Ports): QueueContract;
  /** What the caller gives. */
  data(spec: JobSpec, index: number): Record<string, unknown>;
  group(spec: JobSpec): string;
  /** Puts down what the job needs before it is sent. */
  prepare?(world: World): Promise<void>;
  /** Accepts a job as this queue's producer does. */
  submit(
    deps: ProducerDeps,
    job: { spec: JobSpec; index: number; key: string; type: string },
    world: World,
  ): Promise<{ id: string }>;
  /** Of a queue that does without rows until something goes wrong: whether a job without one is done. */
  isDoneWithout?(world: World, id: string, spec: JobSpec, index: number): boolean;
  /** By step: the effect (watch.ts) that shows a person whether it took place, where one can be asked to say so. */
  provenBy?: Readonly<Record<string, string>>;
  /** What is wrong with the effects of a job that succeeded, if anything. */
  wrong(world: World, id: string, spec: JobSpec, index: number): string | undefined;
}

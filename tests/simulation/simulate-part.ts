import { parentPort } from 'node:worker_threads';
import type { Plan } from './plan';
import { type Failure, firstBroken, search } from './property';
import { simulationNamed } from './queues';

/** One part of a simulation, for a thread of its own: runs that are drawn … */
export interface Part {
  /** Its name, as in queues.ts. */
  simulation: string;
  runs: number;
  seed: number;
}

/** … or these. */
export interface Given {
  plans: readonly Plan[];
}

export type Progress =
  | { kind: 'ran'; count: number }
  | {
      kind: 'done';
      reached: [string, number][];
      failure?: Failure;
    };

const EVERY = 25;

const tell = (progress: Progress) => parentPort?.postMessage(progress);

parentPort?.on('message', (part: Part | Given) => {
  void ('plans' in part ? runGiven(part) : run(part)).then(tell);
});

async function runGiven({ plans }: Given): Promise<Progress> {
  const failure = await firstBroken(plans);
  return { kind: 'done', reached: [], ...(failure ? { failure } : {}) };
}

async function run({ simulation, runs, seed }: Part): Promise<Progress> {
  let count = 0;
  const onRun = () => {
    count += 1;
    if (count % EVERY === 0) tell({ kind: 'ran', count: EVERY });
  };
  const { reached, failure } = await search(simulationNamed(simulation).queues, { runs, seed, onRun });
  tell({ kind: 'ran', count: count % EVERY });
  return { kind: 'done', reached: [...reached], ...(failure ? { failure } : {}) };
}

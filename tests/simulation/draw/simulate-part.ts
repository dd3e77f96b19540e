import { simulationNamed } from '../queues/queues';
import { scalePlanNamed } from '../scale/plans';
import type { ScaleResult } from '../scale/service';
import { withEveryFault } from './every-fault';
import type { Plan } from './plan';
import { type Failure, firstBroken, search } from './property';

/** One part of a simulation: runs that one thread draws. */
export interface Part {
  /** A name from queues/queues.ts. */
  simulation: string;
  runs: number;
  seed: number;
}

/** Given plans instead of drawn ones. */
export interface Given {
  plans: readonly Plan[];
}

/** A plan with one fault. It runs with every second fault after that one. */
export interface Second {
  first: Plan;
}

/** A scale plan with this many items. */
export interface Scaled {
  scale: string;
  size: number;
}

export type Progress =
  | { kind: 'ran'; count: number }
  | {
      kind: 'done';
      reached: [string, number][];
      failure?: Failure;
      scaled?: ScaleResult;
    };

const EVERY = 25;

type Tell = (progress: Progress) => void;

/** Runs a part, and tells its progress and at last its result. */
export async function runPart(part: Part | Given | Scaled | Second, tell: Tell): Promise<void> {
  if ('first' in part) tell(await runSecond(part, tell));
  else if ('plans' in part) tell(await runGiven(part));
  else if ('scale' in part) tell(await runScaled(part));
  else tell(await run(part, tell));
}

async function runScaled({ scale, size }: Scaled): Promise<Progress> {
  return { kind: 'done', reached: [], scaled: await scalePlanNamed(scale).run(size) };
}

async function runGiven({ plans }: Given): Promise<Progress> {
  const failure = await firstBroken(plans);
  return { kind: 'done', reached: [], ...(failure ? { failure } : {}) };
}

async function runSecond({ first }: Second, tell: Tell): Promise<Progress> {
  const plans = await withEveryFault(first, first.calls.at(-1)?.nth);
  const failure = await firstBroken(plans);
  tell({ kind: 'ran', count: plans.length });
  return { kind: 'done', reached: [], ...(failure ? { failure } : {}) };
}

async function run({ simulation, runs, seed }: Part, tell: Tell): Promise<Progress> {
  let count = 0;
  const onRun = () => {
    count += 1;
    if (count % EVERY === 0) tell({ kind: 'ran', count: EVERY });
  };
  const { reached, failure } = await search(simulationNamed(simulation).queues, { runs, seed, onRun });
  tell({ kind: 'ran', count: count % EVERY });
  return { kind: 'done', reached: [...reached], ...(failure ? { failure } : {}) };
}

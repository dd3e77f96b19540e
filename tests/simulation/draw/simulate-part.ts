import { simulationNamed } from '../queues/queues';
import { scalePlanNamed } from '../scale/plans';
import type { ScaleResult } from '../scale/service';
import type { Plan } from './plan';
import { type Findings, runPlans, search } from './property';

/** Drawn runs of a simulation of queues/queues.ts. */
export interface Part {
  simulation: string;
  runs: number;
  seed: number;
}

export interface Given {
  plans: readonly Plan[];
}

export interface Scaled {
  scale: string;
  size: number;
}

export interface Done extends Findings {
  scaled?: ScaleResult;
}

/** Runs a part. It calls `onRan` after each run. */
export async function runPart(part: Part | Given | Scaled, onRan: () => void): Promise<Done> {
  if ('plans' in part) return runPlans(part.plans, onRan);
  if ('scale' in part) return { reached: new Map(), scaled: await scalePlanNamed(part.scale).run(part.size) };
  return search(simulationNamed(part.simulation).queues, { ...part, onRan });
}

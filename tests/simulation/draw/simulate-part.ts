import { simulationNamed } from '../queues/queues';
import { scalePlanNamed } from '../scale/plans';
import type { ScaleResult } from '../scale/service';
import type { Plan } from './plan';
import { type Failure, type Findings, runPlans, search } from './property';

export interface Part {
  /** A name from queues/queues.ts. */
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

export async function runPart(part: Part | Given | Scaled, tell: Tell): Promise<void> {
  if ('plans' in part) tell(await runGiven(part, tell));
  else if ('scale' in part) tell(await runScaled(part));
  else tell(await run(part, tell));
}

async function runScaled({ scale, size }: Scaled): Promise<Progress> {
  return { kind: 'done', reached: [], scaled: await scalePlanNamed(scale).run(size) };
}

async function runGiven({ plans }: Given, tell: Tell): Promise<Progress> {
  const findings = await runPlans(plans);
  tell({ kind: 'ran', count: findings.runs });
  return done(findings);
}

async function run({ simulation, runs, seed }: Part, tell: Tell): Promise<Progress> {
  let count = 0;
  const onRun = () => {
    count += 1;
    if (count % EVERY === 0) tell({ kind: 'ran', count: EVERY });
  };
  const findings = await search(simulationNamed(simulation).queues, { runs, seed, onRun });
  tell({ kind: 'ran', count: count % EVERY });
  return done(findings);
}

const done = ({ reached, failure }: Findings): Progress => ({
  kind: 'done',
  reached: [...reached],
  ...(failure ? { failure } : {}),
});

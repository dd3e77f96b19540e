import fc from 'fast-check';
import { simulationNamed } from '../queues/queues';
import { runPlan } from '../runs/run';
import { scalePlanNamed } from '../scale/plans';
import type { ScaleResult } from '../scale/service';
import { anyPlan } from './draw';
import { pairsOf } from './pairs';
import type { Plan } from './plan';

/** Drawn runs of a simulation of queues/queues.ts. */
export interface Part {
  simulation: string;
  runs: number;
  seed: number;
  /** It stops at the first run that breaks a promise, and does not make it smaller. */
  first?: true;
}

export interface Given {
  plans: readonly Plan[];
}

/** Pairs of faults of a run of pairs.ts, or every so many of them. */
export interface Pairs {
  pairs: string;
  every?: number;
}

export interface Scaled {
  scale: string;
  size: number;
}

export interface Done {
  /** How often each fault, state and effect was reached. */
  reached: Map<string, number>;
  failure?: Failure;
  scaled?: ScaleResult;
}

export interface Failure {
  violation: string;
  plan: Plan;
  timeline: string;
  drawnBy?: string;
}

/** The most shrinking steps. More steps rarely help. */
const MOST_SHRINKING = 3_000;

/** Runs a part. It calls `onRan` after each run. */
export async function runPart(part: Part | Given | Pairs | Scaled, onRan: () => void): Promise<Done> {
  if ('scale' in part) return { reached: new Map(), scaled: await scalePlanNamed(part.scale).run(part.size) };
  return withoutStacks(() => {
    if ('pairs' in part) return runPlans(pairsOf(part.pairs, part.every), onRan);
    return 'plans' in part ? runPlans(part.plans, onRan) : search(part, onRan);
  });
}

/** Draws runs until one breaks a promise, then shrinks that run. */
async function search({ simulation, runs, seed, first }: Part, onRan: () => void): Promise<Done> {
  const reached = new Map<string, number>();
  let broken = false;
  let tried = 0;
  const property = fc.asyncProperty(anyPlan(simulationNamed(simulation).queues), async (plan) => {
    if (broken && ++tried > MOST_SHRINKING) return;
    const { violation, world } = await runPlan(plan);
    countInto(reached, world.reached);
    // Runs after a failure only shrink it, so they do not count.
    if (!broken) onRan();
    broken ||= violation !== undefined;
    if (violation) throw new Error(violation);
  });
  const { counterexample } = await fc.check(property, { numRuns: runs, seed, ...(first && { endOnFailure: true }) });
  return { reached, ...(counterexample && { failure: await failureOf(counterexample[0]) }) };
}

async function runPlans(plans: Iterable<Plan> | AsyncIterable<Plan>, onRan: () => void): Promise<Done> {
  const reached = new Map<string, number>();
  for await (const plan of plans) {
    const { violation, world } = await runPlan(plan);
    onRan();
    countInto(reached, world.reached);
    if (violation !== undefined) return { reached, failure: await failureOf(plan) };
  }
  return { reached };
}

export function countInto(sums: Map<string, number>, counts: Iterable<[string, number]>): void {
  for (const [what, count] of counts) sums.set(what, (sums.get(what) ?? 0) + count);
}

async function failureOf(plan: Plan): Promise<Failure> {
  const { violation, timeline } = await runPlan(plan, { detailed: true });
  return {
    violation: violation ?? 'the second run kept its promises: the simulation is not deterministic',
    plan,
    timeline: timeline(),
  };
}

/** Vendors fail often, and unread stack traces would take a twentieth of the time. */
async function withoutStacks<T>(run: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  return run().finally(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });
}

/** The report of a failure: the timeline, the broken promise and how to repeat the run. */
export const explain = ({ violation, plan, timeline, drawnBy }: Failure): string =>
  [
    ...[timeline, '', violation, ''],
    ...(drawnBy ? [`drawn by: ${drawnBy}`] : []),
    `plan, for --plan and tests/simulation/mutants/source/found.ts: ${JSON.stringify(plan)}\n`,
  ].join('\n');

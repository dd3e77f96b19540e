import fc from 'fast-check';
import type { SimulatedQueue } from '../queues/simulated';
import { runPlan } from '../runs/run';
import { anyPlan } from './draw';
import type { Plan } from './plan';

export interface Findings {
  runs: number;
  /** How often each fault, state and effect was reached. */
  reached: Map<string, number>;
  failure?: Failure;
}

/** The smallest run that breaks a promise, to read and to run again. */
export interface Failure {
  violation: string;
  plan: Plan;
  timeline: string;
  /** The command that draws it. */
  drawnBy?: string;
}

/** A failure that is not small by then will not become so. */
const MOST_SHRINKING = 3_000;

/** Draws runs of these queues until one breaks a promise; that one is made as small as it can be. */
export async function search(
  queues: readonly SimulatedQueue[],
  { runs, seed, onRun }: { runs: number; seed: number; onRun?: () => void },
): Promise<Findings> {
  const reached = new Map<string, number>();
  let broken = false;
  let tried = 0;
  const property = fc.asyncProperty(anyPlan(queues), async (plan) => {
    if (broken && ++tried > MOST_SHRINKING) return;
    const { violation, world } = await runPlan(plan);
    for (const [what, count] of world.reached) reached.set(what, (reached.get(what) ?? 0) + count);
    // What follows a failure makes it smaller, and is no run of its own.
    if (!broken) onRun?.();
    broken ||= violation !== undefined;
    if (violation) throw new Error(violation);
  });
  const { failed, counterexample, numRuns } = await withoutStacks(() => fc.check(property, { numRuns: runs, seed }));
  if (!failed || !counterexample) return { runs: numRuns, reached };
  return { runs: numRuns, reached, failure: await failureOf(counterexample[0]) };
}

/** The first of these runs that breaks a promise. */
export function firstBroken(plans: readonly Plan[]): Promise<Failure | undefined> {
  return withoutStacks(async () => {
    for (const plan of plans) if ((await runPlan(plan)).violation !== undefined) return failureOf(plan);
    return undefined;
  });
}

async function failureOf(plan: Plan): Promise<Failure> {
  const { violation, timeline } = await runPlan(plan, { detailed: true });
  return {
    violation: violation ?? 'the run held its promises the second time: it is not deterministic',
    plan,
    timeline: timeline(),
  };
}

/** Vendors fail often here, and a twentieth of the time would go into stacks that nobody reads. */
async function withoutStacks<T>(run: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  return run().finally(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });
}

/** A failure as somebody wants to read it: what broke, what happened, and how to see it again. */
export const explain = ({ violation, plan, timeline, drawnBy }: Failure): string =>
  [
    ...[timeline, '', violation, ''],
    ...(drawnBy ? [`drawn by: ${drawnBy}`] : []),
    `plan, for tests/simulation/scenarios: ${JSON.stringify(plan)}\n`,
  ].join('\n');

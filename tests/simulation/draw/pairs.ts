import { runPlan } from '../runs/run';
import { faultsOf } from '../world/faults';
import type { World } from '../world/types';
import { MARK } from '../world/watch';
import { jobs, MINUTE_MS, SECOND_MS } from './build';
import { aPlan, type Plan } from './plan';

/** Runs of one job each. `mostCalls` cuts a long one after its interesting part. `every`: only each such pair is run. */
const RUNS: Record<string, Partial<Plan> & { mostCalls?: number; every?: number }> = {
  feedback: {},
  mail: { queue: 'emails' },
  event: { queue: 'analytics', batch: 10 },
  testflight: { queue: 'testflight' },
  planned: { jobs: jobs(['good', { planned: { ahead: 90 * SECOND_MS } }]) },
  cancelled: { jobs: jobs(['good', { planned: { ahead: 90 * SECOND_MS, cancel: 10 * SECOND_MS } }]) },
  retried: { jobs: jobs('refused'), commands: [{ job: 0, what: 'retry', at: 30 * SECOND_MS }] },
  replaced: { jobs: jobs('refused'), redrives: [{ nth: 1, after: 30 * SECOND_MS, how: 'move after replace' }] },
  resent: {
    mailWait: MINUTE_MS,
    outages: [{ target: 'sendgrid', from: 0, until: 2 * MINUTE_MS, fault: 'unauthorized' }],
    resend: { after: 5 * MINUTE_MS },
  },
  erased: {
    jobs: jobs('refused'),
    erasures: [{ at: MINUTE_MS, person: { email: `${MARK}-0@example.com`, user: `${MARK}-user-0` } }],
  },
  campaign: { queue: 'campaigns', mostCalls: 110, every: 40 },
};
export const PAIRS = Object.keys(RUNS);

/** How many calls after the first fault the second one may come. */
const REACH = 20;

/** The run with one fault, and with each second one. `every`: about each such plan, of all places in the run. */
export async function* pairsOf(name: string, every = RUNS[name]?.every ?? 1): AsyncGenerator<Plan> {
  const { mostCalls, every: _, ...changes } = RUNS[name] ?? {};
  // To know the calls after a first fault, that run is made. So both faults are left out by turns.
  const step = Math.ceil(Math.sqrt(every));
  const calls = (await withEveryFault(aPlan(changes))).slice(0, mostCalls);
  const singles = calls.flatMap((plans, call) => plans.map((plan) => ({ plan, call })));
  for (const [index, { plan, call }] of singles.entries()) {
    if (index % step !== 0) continue;
    const pairs = (await withEveryFault(plan)).slice(call + 1, call + 1 + REACH).flat();
    yield plan;
    for (const [second, pair] of pairs.entries()) if ((index / step + second) % step === 0) yield pair;
  }
}

/** The plan with one more fault, each in a plan of its own: every fault at every call, call by call. */
export async function withEveryFault(plan: Plan): Promise<Plan[][]> {
  const plans: Plan[][] = [];
  /** By process: its last call, and how many have no answer yet. */
  const made = new Map<string, { what: string; open: number; answeredAt?: number }>();
  const prepare = (world: World) => {
    const { call, kernel } = world;
    world.call = (given) => {
      const { process, target, method } = given;
      if (!process.alive) return call(given);
      const answer = call(given);
      const nth = plans.length + 1;
      const what = `${target}.${method}`;
      const last = made.get(process.name);
      const before = last && { ...last, justAnswered: last.open === 0 && last.answeredAt === kernel.now() };
      plans.push(faultsOf(what, target, before).map((fault) => ({ ...plan, calls: [...plan.calls, { nth, fault }] })));
      const now = last ?? { what, open: 0 };
      made.set(process.name, Object.assign(now, { what, open: now.open + 1 }));
      const answered = () => Object.assign(now, { open: now.open - 1, answeredAt: kernel.now() });
      answer.then(answered, answered);
      return answer;
    };
  };
  await runPlan(plan, { prepare });
  return plans;
}

import type { Plan } from '../draw/plan';
import type { Chance } from './chance';
import { courseOf, play } from './course';
import { type Fault, fitted, type Target } from './faults';
import type { Kernel } from './kernel';
import type { Trace } from './trace';

/** One run of a function or of a caller's process. Its calls answer only while it is alive. */
export interface Process {
  name: string;
  alive: boolean;
  /** Whether it has the settings after the plan's change of settings. */
  changed: boolean;
  /** Its clock minus the true time, in ms. */
  skew: number;
  /** Kills the process. None of its pending calls ever answers. */
  die(reason: string): void;
}

export interface Call<T> {
  process: Process;
  target: Target;
  method: string;
  /** The caller's time-out. The SDK's own time-out applies if it is missing. */
  timeoutMs?: number;
  effect: () => T | Promise<T>;
  detail?: () => string;
}

/** What calls need of the world. */
interface Deps {
  kernel: Kernel;
  chance: Chance;
  trace: Trace;
  plan: Plan;
  reach(what: string): void;
  trouble(): void;
}

/** Makes every call of a run. Calls are numbered across all processes, so that the plan can choose which one fails. */
export function createCaller({ kernel, chance, trace, plan, reach, trouble }: Deps) {
  const onCall: ((by: Process, target: Target) => void)[] = [];
  /** By target: when the last call without a fault began. */
  const workedAt = new Map<Target, number>();
  const planned = new Map(plan.calls.map((drawn) => [`${drawn.kind ?? 'call'} ${drawn.nth}`, drawn]));
  /** By process and kind: the fault that also hits its next calls. */
  const again = new Map<Process, Map<string, { fault: Fault; left: number }>>();
  const counts = new Map<string, number>();
  let number = 0;

  function faultOf(
    process: Process,
    kind: string,
    { target, method }: Pick<Call<unknown>, 'target' | 'method'>,
  ): Fault | undefined {
    number += 1;
    const nth = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, nth);
    const drawn = planned.get(`call ${number}`) ?? planned.get(`${kind} ${nth}`);
    if (drawn) {
      const { fault, times = 1 } = drawn;
      if (times > 1) again.set(process, (again.get(process) ?? new Map()).set(kind, { fault, left: times - 1 }));
      return fitted(fault, target);
    }
    const before = again.get(process)?.get(kind);
    if (before && before.left-- > 0) return fitted(before.fault, target);
    const elapsed = kernel.now() - plan.start;
    const outage = plan.outages.find(
      (one) => one.target === target && (one.method ?? method) === method && one.from <= elapsed && elapsed < one.until,
    );
    if (outage) reach(`outage of ${target}`);
    return outage?.fault;
  }

  const call = <T>({ process, target, method, timeoutMs, effect, detail }: Call<T>): Promise<T> => {
    if (!process.alive) return new Promise(() => {});
    for (const listener of onCall) listener(process, target);
    const what = `${target}.${method}`;
    const fault = faultOf(process, what, { target, method });
    const course = courseOf({ target, fault, timeoutMs }, chance);
    trace.add({ who: process.name, what, outcome: fault ?? '', detail });
    // A slow answer is one, even in an outage.
    if (!course.error && course.answer !== undefined && course.death === undefined) workedAt.set(target, kernel.now());
    if (!fault) return play(course, { kernel, process, effect });
    trouble();
    reach('doubt');
    reach(`fault ${fault}`);
    reach(`fault ${fault} at ${what}`);
    const troubled = () => {
      trouble();
      return effect();
    };
    return play(course, { kernel, process, effect: troubled, fault });
  };
  return { call, onCall, workedAt };
}

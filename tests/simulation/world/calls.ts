import type { Plan } from '../draw/plan';
import type { Chance } from './chance';
import { courseOf } from './course';
import { type CallFault, type Fault, fitted, type Target } from './faults';
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

export type Caller = <T>(call: Call<T>) => Promise<T>;

export interface CallerDeps {
  kernel: Kernel;
  chance: Chance;
  trace: Trace;
  plan: Plan;
  /** A secret that appears in all answers of vendors. */
  secret: string;
  reached: (what: string) => void;
  faulty: () => void;
  begun: (process: Process, target: Target) => void;
  works: (target: Target) => void;
}

/** Makes every call of a run. Calls are numbered across all processes, so that the plan can choose which one fails. */
export function createCaller(deps: CallerDeps): Caller {
  const { kernel, chance, trace, plan, reached, faulty, begun, works, secret } = deps;
  const byNumber = new Map<number, CallFault>();
  const byKind = new Map<string, Map<number, CallFault>>();
  for (const drawn of plan.calls) {
    const { kind, nth } = drawn;
    if (kind) byKind.set(kind, (byKind.get(kind) ?? new Map()).set(nth, drawn));
    else byNumber.set(nth, drawn);
  }
  /** By process and kind: the fault that also hits its next calls. */
  const again = new Map<Process, Map<string, { fault: Fault; left: number }>>();
  const counts = new Map<string, number>();
  let number = 0;

  function faultOf(process: Process, kind: string, target: Target): Fault | undefined {
    number += 1;
    const nth = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, nth);
    const drawn = byNumber.get(number) ?? byKind.get(kind)?.get(nth);
    if (drawn) {
      const { fault, times = 1 } = drawn;
      if (times > 1) again.set(process, (again.get(process) ?? new Map()).set(kind, { fault, left: times - 1 }));
      return fitted(fault, target);
    }
    const before = again.get(process)?.get(kind);
    if (before && before.left-- > 0) return fitted(before.fault, target);
    const elapsed = kernel.now() - plan.start;
    const outage = plan.outages.find((one) => one.target === target && one.from <= elapsed && elapsed < one.until);
    if (outage) reached(`outage of ${target}`);
    return outage?.fault;
  }

  return <T>({ process, target, method, timeoutMs, effect, detail }: Call<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (!process.alive) return;
      begun(process, target);
      const what = `${target}.${method}`;
      const fault = faultOf(process, what, target);
      const { effects, answer, error, death } = courseOf({ target, fault, timeoutMs, secret }, chance);
      trace.add({ who: process.name, what, outcome: fault ?? '', detail });
      // A slow answer is one, even in an outage.
      if (!error && answer !== undefined && death === undefined) works(target);
      if (fault) {
        faulty();
        reached('doubt');
        reached(`fault ${fault}`);
        reached(`fault ${fault} at ${what}`);
      }

      let result: Promise<T> | undefined;
      const conclude = () => {
        if (!process.alive) return;
        if (error) reject(error());
        else result?.then(resolve, reject);
      };
      for (const ms of effects) {
        const last = ms === effects.at(-1);
        kernel.setTimeout(() => {
          if (fault) faulty();
          result = attempt(effect);
          if (last && ms === answer && !error && process.alive) result.then(resolve, reject);
          else {
            result.catch(ignore);
            if (last && ms === answer) conclude();
          }
        }, ms);
      }
      if (answer !== undefined && answer !== effects.at(-1)) kernel.setTimeout(conclude, answer);
      if (death === 0) process.die(fault ?? 'death');
      else if (death !== undefined) kernel.setTimeout(() => process.die(fault ?? 'death'), death);
    });
}

const ignore = (): void => {};

async function attempt<T>(effect: () => T | Promise<T>): Promise<T> {
  return effect();
}

import type { Process } from './calls';
import { isDeployed } from './deployments';
import type { World } from './types';

export const sleep = ({ kernel }: Pick<World, 'kernel'>, ms: number): Promise<void> =>
  new Promise((resolve) => void kernel.setTimeout(resolve, ms));

/** Something outside acts so many ms from now. The run goes on until then, and must come to rest after it. */
export function later({ kernel, pending, trouble }: World, ms: number, act: () => unknown): void {
  const coming = {};
  pending.add(coming);
  const run = async () => {
    trouble();
    await act();
    trouble();
    pending.delete(coming);
  };
  kernel.setTimeout(() => void run(), ms);
}

/** A port whose methods all go through `call`, which gets the method's name and its parameters too. */
export function through<Port extends object>(
  port: Port,
  call: (method: string, effect: () => Promise<unknown>, given: never[]) => Promise<unknown>,
): Port {
  const methods = Object.entries(port).map(([name, effect]: [string, (...given: never[]) => Promise<unknown>]) => {
    const made = (...given: never[]) => call(name, () => effect(...given), given);
    return [name, made];
  });
  return Object.fromEntries(methods) as Port;
}

/** How a process ended: with an answer, with an error, or it died. */
export interface End<T> {
  answer?: T;
  error?: unknown;
  died?: string;
}

/** Starts a process, or wakes a warm one, and lets it act until it ends. A dead process neither answers nor throws. */
export function inProcess<T>(
  world: World,
  { name, timeoutMs, warm }: { name: string; timeoutMs: number; warm?: Process | undefined },
  act: (process: Process) => Promise<T>,
): Promise<End<T>> {
  const { kernel, processes, reach, trouble, trace } = world;
  const process = Object.assign(warm ?? newProcess(world), { name, alive: true });
  processes.add(process);
  return new Promise((resolve) => {
    const timeout = kernel.setTimeout(() => {
      reach('time-out of a function');
      trouble();
      process.die('timeout');
    }, timeoutMs);
    const end = (how: End<T>) => {
      if (!process.alive) return;
      process.alive = false;
      kernel.cancel(timeout);
      processes.delete(process);
      resolve(how);
    };
    process.die = (died) => {
      if (!process.alive) return;
      end({ died });
      reach('doubt');
      reach('death');
      trace.add({ who: name, what: 'died', outcome: died });
    };
    act(process).then(
      (answer) => end({ answer }),
      (error: unknown) => end({ error }),
    );
  });
}

function newProcess({ plan, kernel, chance }: World): Process {
  const { skew, changes } = plan;
  return {
    name: '',
    alive: true,
    skew: chance.pick(skew === undefined ? [0, 0, 700, 2_000] : [0, 0, skew / 2, skew]),
    changed: changes !== undefined && isDeployed({ plan, kernel, chance }, changes.at),
    die: () => {},
  };
}

import type { Process } from './calls';
import type { World } from './types';

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

/** How a process ended: with an answer, with an error, or it died. */
export interface End<T> {
  answer?: T;
  error?: unknown;
  died?: string;
}

/** Starts a process, or wakes a warm one, and lets it act until it ends. A dead process neither answers nor throws. */
export function inProcess<T>(
  world: World,
  options: { name: string; timeoutMs: number; warm?: Process | undefined },
  act: (process: Process) => Promise<T>,
): Promise<End<T>> {
  return new Promise((resolve) => {
    const process = world.spawn({ ...options, ended: (died) => resolve({ died }) });
    const end = (how: End<T>) => {
      if (!process.alive) return;
      world.exit(process);
      resolve(how);
    };
    act(process).then(
      (answer) => end({ answer }),
      (error: unknown) => end({ error }),
    );
  });
}

import { fork } from 'node:child_process';
import { join } from 'node:path';
import { explain, type Findings } from './property';
import type { Part, Progress } from './simulate-part';

type Done = Omit<Extract<Progress, { kind: 'done' }>, 'kind'> & { failure?: NonNullable<Findings['failure']> };

/** A process that runs one part after another, faster than within Jest, in whose context every global is slow to reach. */
export interface PartProcess {
  run(part: Part, onRan?: (count: number) => void): Promise<Done>;
  stop(): void;
}

export function startPartProcess(): PartProcess {
  const child = fork(join(__dirname, 'simulate-part.ts'), { execArgv: ['--import', 'tsx'] });
  return {
    run: (part, onRan = () => {}) =>
      new Promise((resolve, reject) => {
        const ended = (code: number | null) => reject(new Error(`a process of the simulation ended with ${code}`));
        const hear = (progress: Progress) => {
          if (progress.kind === 'ran') return onRan(progress.count);
          child.off('message', hear).off('exit', ended);
          resolve(progress as Done);
        };
        child.on('message', hear).once('exit', ended);
        child.send(part);
      }),
    stop: () => void child.kill(),
  };
}

/** The same runs each time: a test that fails says something about the change, `npm run simulate` looks further. */
const SUITE_SEED = 1;

/** What a test of a queue does; SIMULATION_SEED draws other runs. A failure prints its seed. */
export async function expectNoViolation(queue: string, runs: number): Promise<void> {
  const seed = Number(process.env.SIMULATION_SEED ?? SUITE_SEED);
  const own = startPartProcess();
  const { failure } = await own.run({ queue, runs, seed }).finally(own.stop);
  if (failure) throw new Error(explain(failure));
}

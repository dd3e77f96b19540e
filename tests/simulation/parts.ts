import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { explain, type Findings } from './property';
import type { Given, Part, Progress } from './simulate-part';

type Done = Omit<Extract<Progress, { kind: 'done' }>, 'kind'> & { failure?: NonNullable<Findings['failure']> };

/** A thread that runs one part after another. */
export interface PartThread {
  run(part: Part | Given, onRan?: (count: number) => void): Promise<Done>;
  stop(): Promise<unknown>;
}

/**
 * As one bundle and outside Jest: a quarter of the time would go into how modules reach each other's exports, and within
 * Jest every global is slow to reach.
 */
const bundle = (): string => {
  const entry = join(__dirname, 'simulate-part.ts');
  const [output] = buildSync({ entryPoints: [entry], bundle: true, platform: 'node', write: false }).outputFiles;
  if (!output) throw new Error('esbuild wrote nothing');
  return output.text;
};

let script: string | undefined;

export function startPartThread(): PartThread {
  script ??= bundle();
  const thread = new Worker(script, { eval: true });
  return {
    run: (part, onRan = () => {}) =>
      new Promise((resolve, reject) => {
        const hear = (progress: Progress) => {
          if (progress.kind === 'ran') return onRan(progress.count);
          thread.off('message', hear).off('error', reject);
          resolve(progress as Done);
        };
        thread.on('message', hear).once('error', reject);
        thread.postMessage(part);
      }),
    stop: () => thread.terminate(),
  };
}

/** The same runs each time: a test that fails says something about the change, `npm run simulate` looks further. */
const SUITE_SEED = 1;

/** What a test of a queue does; SIMULATION_SEED draws other runs. A failure prints its seed. */
export async function expectNoViolation(queue: string, runs: number): Promise<void> {
  const seed = Number(process.env.SIMULATION_SEED ?? SUITE_SEED);
  const own = startPartThread();
  await expectKept(own, { queue, runs, seed }).finally(own.stop);
}

export async function expectKept(thread: PartThread, part: Part | Given): Promise<void> {
  const { failure } = await thread.run(part);
  if (failure) throw new Error(explain(failure));
}

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { explain, type Failure } from './property';
import type { Simulation } from './queues';
import type { Given, Part, Progress } from './simulate-part';

type Done = Extract<Progress, { kind: 'done' }>;

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
          resolve(progress);
        };
        thread.on('message', hear).once('error', reject);
        thread.postMessage(part);
      }),
    stop: () => thread.terminate(),
  };
}

/** Runs of one part: small enough that a thread does not grow, and that all of them end at about the same time. */
const PART_RUNS = 500;

/** So many runs of each simulation, each part with a seed of its own. */
export function partsOf(
  simulations: readonly Pick<Simulation, 'name'>[],
  { each, seed }: { each: number; seed: number },
): Part[] {
  const parts: Part[] = [];
  for (let from = 0; from < each; from += PART_RUNS)
    for (const { name } of simulations)
      parts.push({ simulation: name, runs: Math.min(PART_RUNS, each - from), seed: (seed + parts.length) % 2 ** 31 });
  return parts;
}

export interface Searched {
  reached: Map<string, number>;
  failures: (Failure & { simulation: string })[];
}

/** Runs all parts, as many at a time as there are cores. */
export async function runParts(parts: readonly Part[], onRan?: (count: number) => void): Promise<Searched> {
  const waiting = [...parts];
  const reached = new Map<string, number>();
  const failures: Searched['failures'] = [];
  const worker = async () => {
    const thread = startPartThread();
    try {
      for (let part = waiting.shift(); part; part = waiting.shift()) {
        const done = await thread.run(part, onRan);
        for (const [what, count] of done.reached) reached.set(what, (reached.get(what) ?? 0) + count);
        if (done.failure) failures.push({ ...done.failure, ...origin(part) });
      }
    } finally {
      await thread.stop();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { reached, failures };
}

const origin = ({ simulation, runs, seed }: Part) => ({
  simulation,
  drawnBy: `npm run simulate -- --queue ${simulation} --runs ${runs} --seed ${seed}`,
});

export async function expectKept(thread: PartThread, part: Part | Given): Promise<void> {
  const { failure } = await thread.run(part);
  if (failure) throw new Error(explain(failure));
}

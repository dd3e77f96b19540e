import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Simulation } from '../queues/queues';
import { bundle } from './bundle';
import { countInto, type Done, type Failure, type Given, type Pairs, type Part, type Scaled } from './property';

/** A thread that runs one part at a time. `mutant`: the name of one that its script has. */
export interface PartThread {
  run(part: Part | Given | Pairs | Scaled, options?: { onRan?: () => void; mutant?: string }): Promise<Done>;
  stop(): Promise<unknown>;
}

/** The code of a thread. It compiles the script once, and evaluates it anew for each mutant. */
const hosting = (script: string): string => `
  const { parentPort } = require('node:worker_threads');
  function evaluate(mutant) {
    const module = { exports: {} };
    ${script}
    return module.exports;
  }
  let loaded;
  parentPort.on('message', async ({ part, mutant }) => {
    try {
      if (loaded?.mutant !== mutant) loaded = { mutant, code: evaluate(mutant) };
      const done = await loaded.code.runPart(part, () => parentPort.postMessage({}));
      parentPort.postMessage({ done });
    } catch (error) {
      parentPort.postMessage({ error: String(error?.stack ?? error) });
    }
  });`;

/** Starts a thread with a script of `bundle`. The default is the unchanged code. */
export async function startPartThread(script?: string): Promise<PartThread> {
  const thread = new Worker(hosting(script ?? (await bundle())), { eval: true });
  const died = new Promise<never>((_resolve, reject) => thread.once('error', reject));
  died.catch(() => {});
  return {
    run: (part, { onRan = () => {}, mutant = 'none' } = {}) => {
      const done = new Promise<Done>((resolve, reject) => {
        const hear = ({ done, error }: { done?: Done; error?: string }) => {
          if (!done && error === undefined) return onRan();
          thread.off('message', hear);
          if (done) resolve(done);
          else reject(new Error(error));
        };
        thread.on('message', hear);
        thread.postMessage({ part, mutant });
      });
      return Promise.race([done, died]);
    },
    stop: () => thread.terminate(),
  };
}

/** Runs of one part. Small parts keep a thread's memory low and let all threads end at about the same time. */
const PART_RUNS = 500;

/** The seeds of two parts are as far apart, so that a search with the next seed makes other runs. */
const APART = 1_000_003;

/** Splits `each` runs of each simulation into parts, each with its own seed. */
export function partsOf(
  simulations: readonly Pick<Simulation, 'name'>[],
  { each, seed }: { each: number; seed: number },
): Part[] {
  const parts: Part[] = [];
  for (let from = 0; from < each; from += PART_RUNS)
    for (const { name } of simulations)
      parts.push({
        simulation: name,
        runs: Math.min(PART_RUNS, each - from),
        seed: (seed + parts.length * APART) % 2 ** 31,
      });
  return parts;
}

export interface Searched {
  reached: Map<string, number>;
  failures: (Failure & { simulation: string; seed: number })[];
}

interface Watching {
  onRan?: () => void;
  onFailure?: (failure: Searched['failures'][number]) => void;
  /** A script of `bundle`, and which of its mutants runs. */
  code?: { script: string; mutant: string };
  /** It ends with the first broken promise. */
  until?: 'broken';
}

/** Runs all parts on all cores. */
export async function runParts(
  parts: readonly (Part | Given | Pairs)[],
  { onRan, onFailure, code, until }: Watching = {},
): Promise<Searched> {
  const waiting = [...parts];
  const reached = new Map<string, number>();
  const failures: Searched['failures'] = [];
  const script = code?.script ?? (await bundle());
  const worker = async () => {
    const thread = await startPartThread(script);
    try {
      for (let part = waiting.shift(); part && !(until && failures.length > 0); part = waiting.shift()) {
        const done = await thread.run(part, { ...(onRan && { onRan }), ...(code && { mutant: code.mutant }) });
        countInto(reached, done.reached);
        if (!done.failure) continue;
        const failure = { ...done.failure, ...origin(part) };
        failures.push(failure);
        onFailure?.(failure);
      }
    } finally {
      await thread.stop();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { reached, failures };
}

const origin = (part: Part | Given | Pairs) =>
  !('simulation' in part)
    ? { simulation: 'pairs' in part ? part.pairs : 'planned', seed: 0 }
    : {
        ...{ simulation: part.simulation, seed: part.seed },
        drawnBy: `npm run simulate -- --queue ${part.simulation} --runs ${part.runs} --seed ${part.seed}`,
      };

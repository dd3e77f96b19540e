import { search } from './property';
import { queueNamed } from './queues';

/** One part of a simulation, for a process of its own. */
export interface Part {
  queue: string;
  runs: number;
  seed: number;
}

export type Progress =
  | { kind: 'ran'; count: number }
  | {
      kind: 'done';
      reached: [string, number][];
      failure?: { violation: string; plan: unknown; timeline: string; seed: number };
    };

const EVERY = 25;

// Nobody waits for it any more.
process.on('disconnect', () => process.exit());

process.on('message', (part: Part) => {
  void run(part).then((done) => process.send?.(done));
});

async function run({ queue, runs, seed }: Part): Promise<Progress> {
  let count = 0;
  const tell = (progress: Progress) => process.send?.(progress);
  const onRun = () => {
    count += 1;
    if (count % EVERY === 0) tell({ kind: 'ran', count: EVERY });
  };
  const { reached, failure } = await search(queueNamed(queue), { runs, seed, onRun });
  tell({ kind: 'ran', count: count % EVERY });
  return { kind: 'done', reached: [...reached], ...(failure ? { failure } : {}) };
}

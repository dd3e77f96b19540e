import { submit } from '../../../lib/engine/submit/submit';
import type { Used } from '../../support/memory-table';
import { QUEUE, startSample, TYPE } from './sample';
import { type ScaleResult, scalePlan } from './service';

const PER_SECOND = 1_000;
/** DynamoDB's limits for one partition in a second. */
const MOST = { writes: 1_000, reads: 3_000 } as const;
/** The producer's clock minus SQS's clock, by which the claim corrects the send time. */
const SKEW_MS = 3;

/** A thousand jobs a second are accepted and succeed. No partition key exceeds DynamoDB's limits. */
async function startMany(size: number): Promise<ScaleResult> {
  const steps = ['upload', 'ticket', 'confirmation'];
  let requests = 0;
  const load = createLoad();
  const sample = startSample(() => void requests++, { concurrency: 1_000, used: load.add, steps, callMs: 100 });
  const { clock, ...reached } = sample.deps;
  const deps = { ...reached, clock: { ...clock, now: () => clock.now() + SKEW_MS }, source: '/scale/api' };
  for (let n = 0; n < size; n++)
    sample.after((n * 1_000) / PER_SECOND, () => {
      void submit(deps, { queue: QUEUE, type: TYPE, data: {}, group: `g${n}` });
    });
  return sample.run({ done: () => load.over() ?? requests === steps.length * size, withinMs: size + 10_000 });
}

export const manyStarts = scalePlan('starts', 'jobs accepted, 1,000 a second', [1_200, 20_000], startMany);

function createLoad() {
  const units = new Map<string, number>();
  let over: string | undefined;
  const add = ({ partition, ...used }: Used, at: number) => {
    for (const kind of ['reads', 'writes'] as const) {
      const second = `${kind} ${partition} ${Math.floor(at / 1_000)}`;
      const sum = (units.get(second) ?? 0) + (used[kind] ?? 0);
      units.set(second, sum);
      if (sum > MOST[kind]) over ??= `scale: ${partition} takes more than ${MOST[kind]} ${kind} in a second`;
    }
  };
  return { add, over: () => over };
}

import * as z from 'zod';
import { submit } from '../../../lib/submit/submit';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import type { Used } from '../../support/memory-table';
import { type ScalePlan, startService } from './service';

const TYPE = 'sample.done.v1';
const PER_SECOND = 1_000;
/** DynamoDB's limits for one partition in a second. */
const MOST = { writes: 1_000, reads: 3_000 } as const;
/** The producer's clock minus SQS's clock. The claim corrects the send time, so the index entry moves. */
const SKEW_MS = 3;

/** A thousand jobs a second are accepted and succeed. No partition key exceeds DynamoDB's limits. */
export const manyStarts: ScalePlan = {
  name: 'starts',
  what: 'jobs accepted, 1,000 a second',
  size: 1_200,
  largest: 20_000,
  async run(size) {
    const done = new Set<string>();
    const load = createLoad();
    const service = startService({
      concurrency: 1_000,
      used: load.add,
      queue: 'sample',
      contract: ({ call }): QueueContract => ({
        queue: 'sample',
        types: {
          [TYPE]: messageType({
            schema: z.strictObject({}),
            process: async ({ id }, { steps, vendor }) => {
              const step = (name: string) =>
                steps.step(name, { run: () => vendor('zendesk', () => call(100, () => 'done')) });
              for (const name of ['upload', 'ticket', 'confirmation']) await step(name);
              done.add(id);
            },
          }),
        },
      }),
    });
    const { clock, ...reached } = service.deps;
    const deps = { ...reached, clock: { ...clock, now: () => clock.now() + SKEW_MS }, source: '/scale/api' };
    for (let n = 0; n < size; n++)
      service.after((n * 1_000) / PER_SECOND, () => {
        void submit(deps, { queue: 'sample', type: TYPE, data: {}, group: `g${n}` });
      });
    return service.run({ done: () => load.over() ?? done.size === size, withinMs: size + 10_000 });
  },
};

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

import * as z from 'zod';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import { envelopeOf, layHeld } from './lay-down';
import type { ScalePlan } from './plan';
import { startService } from './service';

const TYPE = 'sample.done.v1';
const MINUTE_MS = 60_000;

/** Jobs whose wait is over. All succeed, each once. */
export const manyHeld: ScalePlan = {
  name: 'held',
  what: 'jobs whose wait is over',
  size: 300,
  largest: 3_000,
  async run(size) {
    const done = new Map<string, number>();
    const service = startService({
      contract: ({ call }): QueueContract => ({
        queue: 'sample',
        types: {
          [TYPE]: messageType({
            schema: z.strictObject({}),
            process: ({ id }, { steps }) =>
              steps.step('effect', { run: () => call(300, () => void done.set(id, (done.get(id) ?? 0) + 1)) }),
          }),
        },
      }),
    });
    const now = service.now();
    for (let n = 1; n <= size; n++)
      await layHeld(
        service,
        { queue: 'sample', envelope: envelopeOf(n, { type: TYPE, time: now - 3_600_000 }), group: `g${n}`, now },
        { reason: 'retry', retryAt: now },
      );
    const twice = () => [...done].find(([, times]) => times > 1);
    return service.run({
      done: () => (twice() ? `nothing twice: ${twice()?.join(' ')}` : done.size === size),
      withinMs: 60 * MINUTE_MS,
    });
  },
};

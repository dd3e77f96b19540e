import * as z from 'zod';
import { PermanentError, TransientError } from '../../../lib/errors';
import { submit } from '../../../lib/submit/submit';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import { fifoSettings } from '../../support/queue-pair';
import { FOREIGN, type JobSpec } from '../draw/plan';
import type { Process } from '../world/calls';
import type { SimulatedQueue, World } from '../world/types';
import { MARK } from '../world/watch';

const schema = z.strictObject({ kind: z.string(), index: z.number(), note: z.string() });

/** A queue whose work may be repeated: its one effect is idempotent. */
function bulk(name: string, type: 'fifo' | 'standard'): SimulatedQueue {
  const data = ({ kind }: JobSpec, index: number) => ({ kind, index, note: `${MARK} note` });
  return {
    name,
    settings: { ...fifoSettings, type, retention: 604_800, visibility: 180 },
    functionTimeoutMs: 30_000,
    batches: [10, 3, 1],
    kinds: ['good', 'kills-before', 'kills-after', 'refused', 'fails', 'falters', ...FOREIGN],
    type: `${name}.item.v1`,
    contract: (world, process) => contract(world, process, name),
    data,
    group: ({ group }) => `group-${group}`,
    submit: (deps, { spec, index, ...options }) => {
      const job = { queue: name, type: `${name}.item.v1`, data: data(spec, index), group: `group-${spec.group}` };
      return submit(deps, { ...job, ...options });
    },
    wrong: ({ watch }, id) => (watch.effects.has(id) ? undefined : 'its effect never took place'),
  };
}

/** Its effect is at a service of the team itself. */
function contract(world: World, process: Process, queue: string): QueueContract {
  const failed = (cause?: unknown) => new TransientError({ code: 'Failed', message: 'the service failed', cause });
  const apply = (job: string, timeoutMs: number) => {
    const effect = () => {
      world.watch.effect('item', job, false);
      return 'applied';
    };
    return world.call({ process, target: 'bulk', method: 'apply', timeoutMs, effect }).catch((error: unknown) => {
      throw failed(error);
    });
  };
  return {
    queue,
    types: {
      [`${queue}.item.v1`]: messageType<z.infer<typeof schema>>({
        schema,
        process: async ({ id, data, row }, { steps, callTimeoutMs }) => {
          if (data.kind === 'refused') throw new PermanentError({ code: 'Refused', message: 'refused permanently' });
          if (data.kind === 'fails' || (data.kind === 'falters' && row.attempts === 0)) throw failed();
          await steps.step('apply', { resolve: async () => undefined, run: () => apply(id, callTimeoutMs()) });
          return undefined;
        },
      }),
    },
  };
}

export const bulkFifo = bulk('bulk', 'fifo');
export const bulkStandard = bulk('bulk-standard', 'standard');

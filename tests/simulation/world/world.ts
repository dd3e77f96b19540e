import { createSqsModel } from '../../../packages/local/sqs/model';
import { memoryObjects } from '../../support/memory-objects';
import { memoryQueues } from '../../support/memory-queues';
import { memoryTable } from '../../support/memory-table';
import { createQueuePair, redrivePolicy } from '../../support/queue-pair';
import type { Load, Plan } from '../draw/plan';
import { queueNamed } from '../queues/queues';
import { createVendors } from '../vendors/vendors';
import { type CallerDeps, createCaller } from './calls';
import { createChance } from './chance';
import { createKernel } from './kernel';
import { deadLetterQueue, INSTANCE, mainQueue, serviceQueue } from './names';
import { createTrace } from './trace';
import type { Lane, World } from './types';
import { createWatch, type Listeners } from './watch';

export function createWorld(plan: Plan, options: { detailed?: boolean } = {}): World {
  const kernel = createKernel(plan.start);
  const chance = createChance(plan.seed);
  const trace = createTrace(kernel, { detailed: options.detailed ?? false });
  const reached = new Map<string, number>();
  const reach = (what: string) => void reached.set(what, (reached.get(what) ?? 0) + 1);
  let lastTrouble = plan.start;
  const trouble = (at = kernel.now()) => {
    lastTrouble = Math.max(lastTrouble, at);
  };
  const listeners: Listeners = { onChange: [], onDeath: [], onItem: [], onRow: [] };
  const watch = createWatch({ ...listeners, now: kernel.now, reached: reach, inDoubt: () => reached.has('doubt') });
  const sqs = createSqsModel({ now: kernel.now, uuid: chance.uuid, groupOrder: plan.turns ? 'turns' : 'age' });
  const calling: CallerDeps = { kernel, chance, trace, plan, reach, trouble, onCall: [], workedAt: new Map() };
  const shared: Omit<World, keyof Lane | 'lanes'> = {
    ...calling,
    call: createCaller(calling),
    vendors: createVendors(kernel.now),
    stores: {
      table: memoryTable({ lagMs: plan.indexLag ?? 0, now: kernel.now }),
      objects: memoryObjects(),
      queues: memoryQueues(sqs),
    },
    sqs,
    reached,
    lastTrouble: () => lastTrouble,
    processes: new Set(),
    counted: new Map(),
    onSent: [],
    inDoubt: new Map(),
    forged: new Map(),
    pauses: new Map(),
    damaged: new Set(),
    suppressed: new Map(),
    pending: new Set(),
    ...listeners,
    onFact: [],
    onLog: [],
    onMeasure: [],
    onMails: [],
  };

  const lanes: World[] = [];
  for (const load of [plan, ...plan.beside]) lanes.push({ ...shared, ...lane(load), lanes });
  return lanes[0] as World;

  function lane(load: Load): Lane {
    const queue = queueNamed(load.queue);
    const name = serviceQueue({ queue });
    const settings = {
      ...queue.settings,
      room: 2 * load.concurrency * load.batch,
      ...(plan.changes ? { receives: plan.changes.from.receives } : {}),
      ...(plan.retention === undefined ? {} : { retention: plan.retention }),
      ...(plan.dlqRetention === undefined ? {} : { dlqRetention: plan.dlqRetention }),
    };
    createQueuePair(sqs, { instance: INSTANCE, queue: name }, settings);
    if (plan.changes) {
      const { at, to } = plan.changes;
      kernel.setTimeout(
        () =>
          sqs.setQueueAttributes({
            QueueUrl: mainQueue({ queue, settings }),
            Attributes: {
              RedrivePolicy: redrivePolicy({ instance: INSTANCE, queue: name }, { ...settings, receives: to.receives }),
            },
          }),
        at,
      );
    }
    sqs.onChange(mainQueue({ queue, settings }), watch.changed);
    const dlq = deadLetterQueue({ queue, settings });
    sqs.onChange(dlq, () => {
      watch.changed();
      if (sqs.messages(dlq).some(({ deadLetterSourceArn }) => deadLetterSourceArn)) reach('moved by SQS');
    });
    const rows = () => watch.rows().filter((row) => row.queue === name);
    const seen = plan.beside.length === 0 ? watch : { ...watch, rows };
    return { plan: { ...plan, ...load }, queue, settings, watch: seen };
  }
}

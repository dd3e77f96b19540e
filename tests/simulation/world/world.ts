import { createQueuePair, redrivePolicy } from '../../support/queue-pair';
import type { Load, Plan } from '../draw/plan';
import { queueNamed } from '../queues/queues';
import { INSTANCE, serviceQueue } from './names';
import { sharedBy } from './shared';
import type { World } from './types';

export function createWorld(plan: Plan, { detailed = false }: { detailed?: boolean } = {}): World {
  const shared = sharedBy(plan, detailed);
  const { kernel, watch, sqs, reach } = shared;
  const lanes: World[] = [];
  for (const load of [plan, ...plan.beside]) lanes.push({ ...shared, ...lane(load), lanes });
  return lanes[0] as World;

  function lane(load: Load): Pick<World, 'plan' | 'queue' | 'settings' | 'watch'> {
    const queue = queueNamed(load.queue);
    const name = serviceQueue({ queue });
    const settings = {
      ...queue.settings,
      room: 2 * load.concurrency * load.batch,
      receives: plan.changes?.from.receives ?? queue.settings.receives,
      retention: plan.retention ?? queue.settings.retention,
      dlqRetention: plan.dlqRetention ?? queue.settings.dlqRetention,
    };
    const { main, dlq } = createQueuePair(sqs, { instance: INSTANCE, queue: name }, settings);
    if (plan.changes) {
      const { at, to } = plan.changes;
      const RedrivePolicy = redrivePolicy({ instance: INSTANCE, queue: name }, { ...settings, receives: to.receives });
      kernel.setTimeout(() => sqs.setQueueAttributes({ QueueUrl: main, Attributes: { RedrivePolicy } }), at);
    }
    sqs.onChange(main, watch.changed);
    sqs.onChange(dlq, () => {
      watch.changed();
      if (sqs.messages(dlq).some(({ deadLetterSourceArn }) => deadLetterSourceArn)) reach('moved by SQS');
    });
    const rows = () => watch.rows().filter((row) => row.queue === name);
    const seen = plan.beside.length === 0 ? watch : { ...watch, rows };
    return { plan: { ...plan, ...load }, queue, settings, watch: seen };
  }
}

import { keptBody } from '../../lib/jobs/finish';
import { deduplicationId, jobKey } from '../../lib/jobs/keys';
import { ATTRIBUTE, fitting } from '../../lib/jobs/park';
import { portsOf } from './ports';
import type { Death } from './watch';
import { ACCOUNT, deadLetterQueue, mainQueue, REGION, urlOf, type World } from './world';

/** People who bring back what is dead, as the plan says. */
export function startOperators(world: World): void {
  const { plan, kernel, trace, reach } = world;
  world.onDeath.push(({ row, nth }: Death) => {
    for (const redrive of plan.redrives.filter((planned) => planned.nth === nth)) {
      world.pending.add(redrive);
      kernel.setTimeout(() => {
        world.trouble();
        reach(`redrive by ${redrive.how}`);
        trace.add({ who: 'operator', what: `redrive ${redrive.how}`, detail: () => row.id });
        const done = redrive.how === 'move' ? move(world) : command(world, row.id);
        void done.finally(() => {
          world.trouble();
          world.pending.delete(redrive);
        });
      }, redrive.after);
    }
  });
}

/** SQS's own way: everything in the DLQ, under its entry's group, and nobody writes it down. */
async function move({ sqs, ...world }: World): Promise<void> {
  const arn = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
  sqs.startMessageMoveTask({
    SourceArn: arn(deadLetterQueue(world as World)),
    DestinationArn: arn(mainQueue(world as World)),
  });
}

/** Our own way: the kept body back into the queue, in its old group, then the entry out of the DLQ. */
function command(world: World, id: string): Promise<void> {
  const { plan, settings } = world;
  return new Promise((resolve) => {
    const process = world.spawn({ name: 'operator', timeoutMs: 60_000, ended: () => resolve() });
    const { table, objects, queues } = portsOf(world, process);
    const run = async () => {
      const row = (await table.get(jobKey(plan.queue, id))) as Death['row'] | undefined;
      if (row?.state !== 'dead') return;
      const body = await keptBody({ objects, prefix: 'jobs' }, row);
      if (body === undefined) return;
      const fifo = { groupId: row.group ?? row.id, deduplicationId: deduplicationId.redriven(row.id, row.opened) };
      await queues.send(
        urlOf(mainQueue(world)),
        fitting({ body, attributes: {}, ...(settings.type === 'fifo' ? fifo : {}) }, row.id),
      );
      const dlq = urlOf(deadLetterQueue(world));
      for (;;) {
        const messages = await queues.receive(dlq, { max: 10, visibilitySeconds: 30 });
        if (messages.length === 0) return;
        for (const { attributes, receiptHandle } of messages)
          if (attributes[ATTRIBUTE.job] === id && attributes.messageId === row.parkedFrom)
            await queues.delete(dlq, receiptHandle);
      }
    };
    void run()
      .catch(() => {})
      .finally(() => {
        world.exit(process);
        resolve();
      });
  });
}

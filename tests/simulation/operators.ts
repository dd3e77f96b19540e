import { StoreError } from '../../lib/errors';
import { jobKey } from '../../lib/jobs/keys';
import { OperatorError } from '../../lib/ops/operator';
import { retry } from '../../lib/ops/retry';
import { reconcilerDeps, workerPorts } from './engine';
import { ACCOUNT, deadLetterQueue, mainQueue, REGION } from './names';
import type { Death } from './watch';
import type { World } from './world';

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

/** Our own way: the command that operators have. */
function command(world: World, id: string): Promise<void> {
  const { plan, trace } = world;
  return new Promise((resolve) => {
    const process = world.spawn({ name: 'operator', timeoutMs: 60_000, ended: () => resolve() });
    const deps = reconcilerDeps(world, workerPorts(world, process));
    const run = async () => {
      const row = await deps.ledger.get(jobKey(plan.queue, id));
      if (row) await retry(deps, row);
    };
    void run()
      .catch((error: unknown) => {
        // Somebody was faster, or something is down: whoever types a command reads that, and may try again.
        if (!(error instanceof OperatorError || error instanceof StoreError)) throw error;
        trace.add({ who: 'operator', what: 'could not', detail: () => error.message });
      })
      .finally(() => {
        world.exit(process);
        resolve();
      });
  });
}

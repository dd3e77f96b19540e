import type { QueueContract } from '../../../lib/worker/contract';
import type { Process } from '../calls';
import { isKillerAfter } from '../killers';

/** A contract some of whose jobs kill the process that runs them. */
export function withKillers(process: Process, contract: QueueContract): QueueContract {
  const types = Object.entries(contract.types).map(([name, type]) => [
    name,
    {
      ...type,
      process: (...[job, context]: Parameters<typeof type.process>) => {
        if (!isKillerAfter(job.envelope.data)) return type.process(job, context);
        process.die('killed by a job');
        return new Promise(() => {});
      },
    },
  ]);
  return { ...contract, types: Object.fromEntries(types) };
}

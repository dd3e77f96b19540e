import type { QueueContract } from '../../../lib/worker/contract';
import type { Process } from '../world/calls';
import { killsTheRun } from '../world/poison';

/** Wraps a contract: some of its jobs kill the process that runs them. */
export function withPoison(process: Process, contract: QueueContract): QueueContract {
  const deadly =
    <Given extends [{ envelope: unknown }, ...unknown[]]>(work: (...given: Given) => Promise<unknown>) =>
    (...given: Given): Promise<unknown> => {
      if (!killsTheRun(given[0].envelope)) return work(...given);
      process.die('killed by a job');
      return new Promise(() => {});
    };
  const types = Object.entries(contract.types).map(([name, type]) => [
    name,
    { ...type, process: deadly(type.process), ...(type.direct ? { direct: deadly(type.direct) } : {}) },
  ]);
  return { ...contract, types: Object.fromEntries(types) };
}

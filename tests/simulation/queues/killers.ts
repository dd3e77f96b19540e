import type { QueueContract } from '../../../lib/worker/contract';
import type { Process } from '../world/calls';
import { isKillerAfter } from '../world/killers';

/** Wraps a contract: some of its jobs kill the process that runs them. */
export function withKillers(process: Process, contract: QueueContract): QueueContract {
  const deadly =
    <Given extends [{ envelope: unknown }, ...unknown[]]>(work: (...given: Given) => Promise<unknown>) =>
    (...given: Given): Promise<unknown> => {
      if (!isKillerAfter(given[0].envelope)) return work(...given);
      process.die('killed by a job');
      return new Promise(() => {});
    };
  const types = Object.entries(contract.types).map(([name, type]) => [
    name,
    { ...type, process: deadly(type.process), ...(type.direct ? { direct: deadly(type.direct) } : {}) },
  ]);
  return { ...contract, types: Object.fromEntries(types) };
}

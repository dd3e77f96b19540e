import type { SQSEvent } from 'aws-lambda';
import type { QueueContract } from '../../../lib/engine/worker/contract';
import type { JobKind } from '../draw/plan';
import type { Process } from './calls';

/** Poison messages: one kind kills the process that reads the body, the other kills the process that runs the job. */
export const POISON = ['kills-before', 'kills-after'] as const satisfies readonly JobKind[];
type Poison = (typeof POISON)[number];

/** The number of the poison chunk, in a campaign that has one. */
export const POISON_CHUNK = 1;

export const hasPoisonChunk = (kind: JobKind): boolean => POISON.some((poison) => kind === `chunk-${poison}`);
export const bringsPoison = (kind: JobKind): boolean =>
  POISON.some((poison) => kind === poison) || hasPoisonChunk(kind);

const isTextOf = (poison: Poison, text: string): boolean =>
  text.includes(`chunk-${poison}`) ? text.includes(`"number":${POISON_CHUNK},`) : text.includes(poison);

/** Wraps a contract: some of its jobs kill the process that runs them. */
export function withPoison(process: Process, contract: QueueContract): QueueContract {
  const deadly =
    <Given extends [{ envelope: unknown }, ...unknown[]]>(work: (...given: Given) => Promise<unknown>) =>
    (...given: Given): Promise<unknown> => {
      if (!isTextOf('kills-after', JSON.stringify(given[0].envelope))) return work(...given);
      process.die('killed by a job');
      return new Promise(() => {});
    };
  const types = Object.entries(contract.types).map(([name, type]) => [
    name,
    { ...type, process: deadly(type.process), ...(type.direct ? { direct: deadly(type.direct) } : {}) },
  ]);
  return { ...contract, types: Object.fromEntries(types) };
}

/**
 * Replaces poison bodies with an object that kills the process when the process converts it to a string. As with a real
 * body, an unparsed copy does no harm.
 */
export function armed(event: SQSEvent, process: Process): SQSEvent {
  const Records = event.Records.map((record) =>
    isTextOf('kills-before', record.body) ? { ...record, body: deadly(process) } : record,
  );
  return { Records };
}

function deadly(process: Process): string {
  const body = {
    toString: () => {
      process.die('killed by a message body');
      throw new Error('this process is dead');
    },
  };
  return body as unknown as string;
}

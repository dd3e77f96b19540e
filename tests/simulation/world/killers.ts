import type { SQSEvent } from 'aws-lambda';
import type { JobKind } from '../draw/plan';
import type { Process } from './calls';

/** Jobs that kill whoever reads them, or whoever runs them. */
export const KILLERS = ['kills-before', 'kills-after'] as const satisfies readonly JobKind[];
type Killer = (typeof KILLERS)[number];

/** The number of the chunk that does, in a campaign whose source says so. */
export const DEADLY_CHUNK = 1;

/** Whether a job starts a campaign that has one. */
export const hasDeadlyChunk = (kind: JobKind): boolean => KILLERS.some((killer) => kind === `chunk-${killer}`);
/** Whether a job is one, or starts such a campaign. */
export const bringsKiller = (kind: JobKind): boolean =>
  KILLERS.some((killer) => kind === killer) || hasDeadlyChunk(kind);

/** Whether this is the text of such a job. */
const isTextOf = (killer: Killer, text: string): boolean =>
  text.includes(`chunk-${killer}`) ? text.includes(`"number":${DEADLY_CHUNK},`) : text.includes(killer);

export const isKillerAfter = (envelope: unknown): boolean => isTextOf('kills-after', JSON.stringify(envelope));

/**
 * An event some of whose bodies kill the process that parses them: instead of a string it gets something that dies on
 * being made one. A copy that nothing has parsed yet does no harm, like a real body.
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
      process.die('killed by a body');
      throw new Error('this process is dead');
    },
  };
  return body as unknown as string;
}

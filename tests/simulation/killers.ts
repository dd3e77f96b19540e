import type { SQSEvent } from 'aws-lambda';
import type { Process } from './calls';

const BEFORE = 'kills-before';
const AFTER = 'kills-after';

export const isKillerAfter = (data: unknown): boolean => JSON.stringify(data ?? null).includes(AFTER);

/**
 * An event some of whose bodies kill the process that parses them: instead of a string it gets something that dies on
 * being made one. A copy that nothing has parsed yet does no harm, like a real body.
 */
export function armed(event: SQSEvent, process: Process): SQSEvent {
  const Records = event.Records.map((record) =>
    record.body.includes(BEFORE) ? { ...record, body: deadly(process) } : record,
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

import type { Plan } from '../draw/plan';
import type { Fault } from '../world/faults';
import { bringsPoison } from '../world/poison';
import type { Promised } from './promise';

/** SQS moves a message only if no worker could handle it. A failure that the engine sees must not move a message. */
export const noBystanders: Promised = (world) => {
  const moved = world.reached.get('moved by SQS') ?? 0;
  return moved > 0 && world.lanes.every(({ plan }) => failuresAlone(plan))
    ? 'no bystanders: with failures alone, SQS moved a message to the DLQ'
    : undefined;
};

const FAILURES: readonly Fault[] = [
  'refused',
  'failed',
  'throttled',
  'retry-after',
  'forbidden',
  'unauthorized',
  'lost',
  'gateway',
];
const VENDORS = /^(zendesk|sendgrid|apple|bulk)\b/;

function failuresAlone({ calls, outages, starts, broken, lostDeletes, jobs, changes, future }: Plan): boolean {
  // SQS keeps the message of a row that newer code wrote, until a worker can read the row.
  if (starts.length > 0 || broken || lostDeletes.length > 0 || changes || future) return false;
  if (jobs.some(({ kind }) => bringsPoison(kind))) return false;
  return (
    calls.every(({ kind, fault }) => VENDORS.test(kind ?? '') && FAILURES.includes(fault)) &&
    outages.every(({ target, fault }) => VENDORS.test(target) && FAILURES.includes(fault))
  );
}

import { environmentSchemas } from '../config/functions';
import { MAIL_QUEUES } from '../jobs/mail';
import type { Instance } from './instance';

/**
 * Whether an instance has the function `key`. The worker of a queue that is not in use is absent. So are the event
 * webhook without a queue that sends mail, and the hours of events without analytics.
 */
export function hasFunction({ rows, known }: Instance, key: string): boolean {
  const uses = (queue: string) => rows.some(({ name }) => name === queue);
  if (key in known) return uses(key);
  if (key === 'emailEvents') return MAIL_QUEUES.some(uses);
  if (key === 'hours') return uses('analytics');
  return true;
}

/** The functions of an instance. */
export const functionsOf = (instance: Instance): string[] =>
  Object.keys(environmentSchemas).filter((key) => hasFunction(instance, key));

import { writeAudit } from '../ops/audit-trail';
import type { ConsoleDeps } from './deps';

/** What an operator is about to do in the console. `arguments` hold ids, never data of a job. */
export interface Deed {
  action: string;
  arguments?: Record<string, string>;
  reason?: string | undefined;
}

/**
 * Stores who does something and why. Returns the id of that object. Comes before the deed; without it nothing is done.
 */
export function audit({ deployment, target, by }: ConsoleDeps, { action, reason, ...rest }: Deed): Promise<string> {
  const { instance, stage } = target;
  const why = reason?.trim() ? { reason: reason.trim() } : {};
  return writeAudit(deployment, {
    action: `console ${action}`,
    instance,
    stage,
    by,
    arguments: rest.arguments ?? {},
    ...why,
  });
}

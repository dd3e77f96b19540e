import { type Act, auditChange, writeAudit } from '../ops/audit-trail';
import type { ConsoleDeps } from './deps';

/** What an operator is about to do in the console. `arguments` hold ids, never data of a job. */
export interface Deed {
  action: string;
  arguments: Record<string, string>;
  reason?: string | undefined;
}

/** Stores who changes something and why, as the commands do. Returns the id of that object. Without it nothing is done. */
export const auditAction = (deps: ConsoleDeps, deed: Deed): Promise<string> => {
  const { deployment, publishAlarm } = deps;
  return auditChange({ ...deployment, publishAlarm, note: (text) => deployment.log.warn(text) }, actOf(deps, deed));
};

/** Stores who looks at something personal. */
export const auditLook = (deps: ConsoleDeps, deed: Deed): Promise<string> =>
  writeAudit(deps.deployment, actOf(deps, deed));

function actOf({ target, by }: ConsoleDeps, { action, reason, ...rest }: Deed): Act {
  const { instance, stage } = target;
  const why = reason?.trim() ? { reason: reason.trim() } : {};
  return { action: `console ${action}`, instance, stage, by, ...rest, ...why };
}

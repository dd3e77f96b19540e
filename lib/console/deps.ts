import { type Act, auditChange, writeAudit } from '../ops/audit-trail';
import type { Deployment } from '../ops/deployment';
import type { Target } from '../target';
import type { LocalTools } from './local-tools';

export interface ConsoleDeps {
  deployment: Deployment;
  target: Target;
  /** Who uses it, for audit objects: the ARN of the credentials. */
  by: string;
  publishAlarm: (message: { subject: string; text: string }) => Promise<void>;
  write: boolean;
  /** What the page must know to call the API. The local service needs none. */
  token?: string | undefined;
  /** Only on the local service. */
  local?: LocalTools | undefined;
}

/** What an operator is about to do in the console. `arguments` hold ids, never data of a job. */
type Deed = Pick<Act, 'action' | 'arguments' | 'reason'>;

/** Stores who changes something and why, as the commands do. Returns the id of that object. */
export const auditAction = (deps: ConsoleDeps, deed: Deed): Promise<string> => {
  const { deployment, publishAlarm } = deps;
  return auditChange({ ...deployment, publishAlarm, note: (text) => deployment.log.warn(text) }, actOf(deps, deed));
};

/** Stores who looks at something personal. */
export const auditLook = (deps: ConsoleDeps, deed: Deed): Promise<string> =>
  writeAudit(deps.deployment, actOf(deps, deed));

const actOf = ({ target: { instance, stage }, by }: ConsoleDeps, { action, reason, ...rest }: Deed): Act => ({
  ...{ action: `console ${action}`, instance, stage, by },
  ...rest,
  ...(reason?.trim() && { reason: reason.trim() }),
});

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

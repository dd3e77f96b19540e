import type { Deployment } from '../ops/deployment';
import type { Target } from '../target';
import type { LocalTools } from './local-tools';

/** What the console acts on. */
export interface ConsoleDeps {
  deployment: Deployment;
  target: Target;
  /** Who uses it, for audit objects: the ARN of the credentials. */
  by: string;
  /** Publishes a text to the topic of the alarms. */
  publishAlarm: (message: { subject: string; text: string }) => Promise<void>;
  /** Whether actions are allowed. */
  write: boolean;
  /** What the page must know to call the API. The local service needs none. */
  token?: string | undefined;
  /** Only on the local service. */
  local?: LocalTools | undefined;
}

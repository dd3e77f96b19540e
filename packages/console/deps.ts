import { type Act, audit, type Deployment } from '../../lib/ops/operator';
import type { Target } from '../../lib/target';

export interface ConsoleDeps {
  deployment: Deployment;
  target: Target;
  write: boolean;
  token?: string | undefined;
  local?: LocalTools | undefined;
}

/** A fake vendor of the local service, and how it fails now. `/fakes/{name}` shows what it took. */
export interface LocalVendor {
  name: string;
  breaks: readonly string[];
  /** Whether it fails, by a click or by a command. */
  fails: boolean;
}

/** What only the local service has. Its data is personal if a developer typed personal data. */
export interface LocalTools {
  vendors(): LocalVendor[];
  breaks: readonly string[];
  /** Makes a fake fail, or ends just that if it fails so. */
  break(vendor: string, how: string): Promise<void>;
  recover(vendor: string): Promise<void>;
  samples: readonly string[];
  send(sample: string): Promise<{ queue: string; id: string }>;
}

/** Stores who acts in the console and why. `arguments` hold ids, never data of a job. Returns the id of that object. */
export const audited = ({ deployment, target }: ConsoleDeps, { action, ...act }: Omit<Act, 'stage'>): Promise<string> =>
  audit(deployment, { ...act, action: `console ${action}`, stage: target.stage });

import { type Act, audit, type Deployment } from '../../lib/operate/ops/operator';
import type { Target } from '../../lib/platform/target';

export interface ConsoleDeps {
  deployment: Deployment;
  target: Target;
  write: boolean;
  token?: string | undefined;
  local?: LocalTools | undefined;
}

/** What only the local service has. Its data is personal if a developer typed personal data. */
export interface LocalTools {
  /** `vendors`: the fake vendors, and how each fails now. `fails`: by a click or by a command. */
  page(): {
    breaks: readonly string[];
    vendors: { name: string; breaks: readonly string[]; fails: boolean }[];
  };
  /** Makes a fake fail, or ends just that if it fails so. Without `how`, ends all its failures. */
  break(vendor: string, how: string | undefined): Promise<void>;
}

/** Stores who acts in the console and why. `arguments` hold ids, never data of a job. Returns the id of that object. */
export const audited = ({ deployment, target }: ConsoleDeps, { action, ...act }: Omit<Act, 'stage'>): Promise<string> =>
  audit(deployment, { ...act, action: `console ${action}`, stage: target.stage });

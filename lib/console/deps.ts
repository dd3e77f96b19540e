import type { OperatorDeps } from '../ops/operator';
import type { Target } from '../target';

/** What the console acts on. */
export interface ConsoleDeps {
  operator: OperatorDeps;
  target: Target;
  /** Whether actions are allowed. */
  write: boolean;
  /** What the page must know to call the API. The local service needs none. */
  token?: string | undefined;
}

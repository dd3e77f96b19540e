import type { Mappings, Monitoring } from '../ports';
import type { OperatorDeps } from './operator';

/** For commands and screens about a deployment as a whole: its queues' mappings, its metrics and alarms. */
export interface Deployment extends OperatorDeps {
  instance: string;
  mappings: Mappings;
  monitoring: Monitoring;
  /** The names of a queue and of its DLQ in SQS. Their metrics have these names. */
  names: (queue: string) => { main: string; dlq: string };
  /** The operator, for notes about what an operator did. */
  operator: string;
}

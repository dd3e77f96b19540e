import type { Item } from '../ports';
import type { AllSeries } from './tally';

/** What is behind an alarm. Ids and codes only. */
export interface Behind {
  jobId?: string | undefined;
  reason?: string | undefined;
  code?: string | undefined;
}

/** What the reconciler knows about alarms (key `incidents`). Only the reconciler writes it. */
export interface Incidents extends Item {
  /** The judged alarms that ring, by name: since when, ms since 1970. */
  ringing: Record<string, number>;
  /** What was lately behind an alarm, by its name. With full monitoring too. */
  behind: Record<string, Behind & { at: number }>;
  /** What SQS measures for CloudWatch: depths and ages. */
  gauges: AllSeries;
  /** Since when a queue or a DLQ has had messages of which none was finished, ms since 1970. */
  stuckSince: Record<string, number>;
  /** The last run that judged, in minutes since 1970. */
  minute: number;
}

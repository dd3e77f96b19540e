import * as z from 'zod';
import { commonEnv } from './common';
import { json, name, seconds } from './values';

export const reconcilerEnv = z.object({
  ...commonEnv.shape,
  /** Seconds from one run to the next: a minute as in the schedule, or less if npm start sets it. */
  RECONCILE_EVERY: seconds.default(60),
  /** Runs from one canary of a queue to the next. 0 means no canaries. */
  CANARY_EVERY: z.coerce.number().int().min(0).max(480).default(0),
  /** The limits of each queue's alarms (lib/instances/thresholds.ts). */
  ALARM_LIMITS: json(z.record(name, z.record(z.string(), z.number()))).optional(),
  /** The time-out of each function in seconds, by its key. */
  TIMEOUTS: json(z.record(name, z.number())).optional(),
  /** Address of docs/runbook.md, for the links in alarms. */
  RUNBOOK: z.url().optional(),
});

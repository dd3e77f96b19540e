import * as z from 'zod';
import { commonEnv } from './common';
import { json, name, seconds } from './values';

export const reconcilerEnv = z.object({
  ...commonEnv.shape,
  /** Seconds from one run to the next: a minute as in the schedule, or less if npm start sets it. */
  RECONCILE_EVERY: seconds.default(60),
  /** Runs from one canary of a queue to the next. 0 means no canaries. */
  CANARY_EVERY: z.coerce.number().int().min(0).max(480).default(0),
  /** From how many entries on the alarm about each queue's DLQ fires. */
  DLQ_DEPTHS: json(z.record(name, z.number().int().min(1))),
});

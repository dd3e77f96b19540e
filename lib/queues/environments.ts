import * as z from 'zod';
import { json, name } from '../platform/config/common';
import { alarmsEnv, commonEnv, seconds } from '../platform/config/functions';
import { guardSettings } from './emails/config';
import { QUEUES } from './queues';

export const reconcilerEnv = commonEnv.extend({
  /** Seconds from one run to the next: a minute as in the schedule, or less if npm start sets it. */
  RECONCILE_EVERY: seconds.default(60),
  /** Runs from one canary of a queue to the next. 0 means no canaries. */
  CANARY_EVERY: z.coerce.number().int().min(0).max(480).default(0),
  GUARD: json(guardSettings),
  /** From how many entries on the alarm about each queue's DLQ fires. */
  DLQ_DEPTHS: json(z.record(name, z.number().int().min(1))),
});

/** By the key in serverless.yml. A function that is missing here cannot be deployed. */
export const environmentSchemas: Record<string, z.ZodObject> = {
  ...Object.fromEntries(Object.entries(QUEUES).map(([queue, { env }]) => [queue, env])),
  ...Object.assign({}, ...Object.values(QUEUES).map(({ others }) => others)),
  reconciler: reconcilerEnv,
  verify: commonEnv,
  alarms: alarmsEnv,
};

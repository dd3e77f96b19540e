import * as z from 'zod';
import { commonEnv } from './common';
import { seconds } from './values';

export const analyticsEnv = z.object({
  ...commonEnv.shape,
  /** Jobs first made from this time on may hold no e-mail addresses in their events. */
  ANALYTICS_NO_ADDRESSES_FROM: z.iso.datetime({ offset: true }).optional(),
});

export type AnalyticsConfig = z.infer<typeof analyticsEnv>;

export const compactionEnv = z.object({
  ...commonEnv.shape,
  /** Seconds that the compaction leaves an hour alone after its end. */
  COMPACTION_SETTLE: seconds.default(900),
  /** The longest time, in seconds, between a reader's list of the bucket and its read of the manifests. */
  COMPACTION_GRACE: seconds.default(900),
});

import { analyticsContract } from '../analytics/process';
import type { AnalyticsConfig } from '../config/analytics';
import type { QueueContract } from '../worker/contract';
import type { BatchDeps } from '../worker/deps';

/** The analytics queue's contract on the real bucket. */
export function realAnalytics(config: AnalyticsConfig, { objects, metrics }: BatchDeps): QueueContract {
  const { PREFIX, ANALYTICS_NO_ADDRESSES_FROM: from } = config;
  const noAddressesFrom = from === undefined ? undefined : Date.parse(from);
  return analyticsContract({
    objects,
    metrics,
    prefix: PREFIX,
    noAddressesFrom,
  });
}

import { analyticsContract } from '../analytics/process';
import type { AnalyticsConfig } from '../config/analytics';
import type { QueueContract } from '../worker/contract';
import type { BatchDeps } from '../worker/deps';

/** The analytics queue's contract on the real bucket. */
export function realAnalytics(config: AnalyticsConfig, { objects, metrics }: BatchDeps): QueueContract {
  return analyticsContract({ objects, metrics, prefix: config.PREFIX, names: new Set(config.ANALYTICS_EVENT_NAMES) });
}

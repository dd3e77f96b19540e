import { isJudged, isLeanMetric, isUrgent, keptMinutes, measurementOf } from '../alarms/measurements';
import type { CommonConfig } from '../config/common';
import type { ItemDeps } from '../jobs/ledger';
import { createTally, type TallyWriter } from '../jobs/tally';
import { realMetrics } from '../log';
import type { Clock, Log, Metrics } from '../ports';

/** A function's metrics. With lean monitoring they also go into its tally, where the reconciler finds them. */
export function metricsOf(
  { INSTANCE: namespace, MONITORING }: Pick<CommonConfig, 'INSTANCE' | 'MONITORING'>,
  deps: ItemDeps & { log: Log },
  { canaryMinutes = 0 }: { canaryMinutes?: number } = {},
): Metrics {
  if (MONITORING === 'full') return realMetrics({ namespace });
  const name = process.env.AWS_LAMBDA_FUNCTION_NAME ?? namespace;
  return leanMetrics({
    log: realMetrics({ namespace, billed: isLeanMetric }),
    tally: createTally(deps, { name, keepMinutes: keptMinutes(canaryMinutes) }),
  });
}

/** Writes each measurement into the log, and into the tally if an alarm depends on it. */
export const leanMetrics = ({ log, tally }: { log: Metrics; tally: TallyWriter }): Metrics => ({
  add: (name, value, unit, dimensions) => {
    log.add(name, value, unit, dimensions);
    if (isJudged(name, dimensions) && Number.isFinite(value))
      tally.add(measurementOf(name, dimensions), value, { urgent: value !== 0 && isUrgent(name) });
  },
  flush: async () => {
    await log.flush();
    await tally.flush();
  },
});

/** Notes a run that used this much of its time. AWS measures every run, but an alarm for each function costs. */
const CLOSE = 0.95;

/** With lean monitoring, notes an invocation that nearly ran out of time. */
export async function noteDuration(
  { metrics, clock }: { metrics: Metrics; clock: Clock },
  { MONITORING }: Pick<CommonConfig, 'MONITORING'>,
  { begunAt, timeoutMs }: { begunAt: number; timeoutMs: number },
): Promise<void> {
  const ms = clock.now() - begunAt;
  if (MONITORING === 'full' || ms < timeoutMs * CLOSE) return;
  metrics.add('Duration', ms, 'Milliseconds', { FunctionName: process.env.AWS_LAMBDA_FUNCTION_NAME ?? '' });
  await metrics.flush();
}

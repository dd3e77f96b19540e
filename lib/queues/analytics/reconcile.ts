import type { QueueWorks, ReconcileRun } from '../../engine/reconcile/contract';
import { hoursLeases } from './hours';
import { hoursKey } from './queue';

declare module '../../engine/reconcile/facts' {
  interface FactKinds {
    'hour-too-large': unknown;
  }
}

export const analyticsWorks = (): Partial<QueueWorks> => ({ once: { reportLargeHours } });

/** Reports each hour that is too large to be written as Parquet, such as `2026-01-02T03`. An operator must write it. */
async function reportLargeHours(run: ReconcileRun): Promise<void> {
  const { tooLarge = [] } = (await hoursLeases.read(run, hoursKey)) ?? {};
  for (const [hour] of tooLarge)
    await run.report({ kind: 'hour-too-large', subject: '', code: new Date(hour).toISOString().slice(0, 13) });
}

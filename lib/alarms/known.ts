import { type Cause, type DlqExits, type Exit, exitsSince } from '../jobs/dlq-exits';
import { alarmState, type Behind } from '../jobs/incidents';
import { dlqKey, pauseKey, reconcilerKey } from '../jobs/keys';
import { type ItemDeps, readItem } from '../jobs/ledger';
import type { Pause } from '../jobs/pause';
import type { FailingWork, ReconcilerRun } from '../jobs/reconciler-run';
import { isAboutWaiting } from './kinds';
import type { Change } from './outages';

/** What the table knows about an alarm. */
export interface Known {
  /** What left the DLQ whose alarm is over. */
  exits?: Partial<Record<Exit, number>>;
  /** Why the jobs in the DLQ died. */
  causes?: Cause[];
  /** What fails in the reconciler. */
  failing?: readonly FailingWork[];
  /** The job, the reason and the code behind the alarm. */
  behind?: Behind;
  /** Since when the queue is paused, and why. Who did it may be an address, so the chat does not show it. */
  pause?: Pick<Pause, 'at' | 'reason'> | undefined;
}

/** Exits from a DLQ within this time explain why it is empty. The metrics are some minutes late. */
const EXITS_MS = 60 * 60_000;

/** Reads what is behind an alarm. Empty if the table does not answer, because the message is sent anyway. */
export async function knownOf(deps: ItemDeps, { kind, subject, name, rings }: Change): Promise<Known> {
  try {
    if (kind === 'dlq-depth' || kind === 'dlq-age') {
      const dlq = (await readItem(deps, dlqKey(subject))) as DlqExits | undefined;
      if (rings) return dlq?.causes ? { causes: dlq.causes } : {};
      return { exits: dlq ? exitsSince(dlq, deps.clock.now() - EXITS_MS) : {} };
    }
    const pause = isAboutWaiting(kind) ? ((await readItem(deps, pauseKey(subject))) as Pause | undefined) : undefined;
    if (!rings) return { pause };
    if (kind === 'reconciler-failures')
      return { failing: ((await readItem(deps, reconcilerKey)) as ReconcilerRun | undefined)?.failing ?? [] };
    const { [name]: behind } = (await alarmState(deps)).behind;
    return { pause, ...(behind ? { behind } : {}) };
  } catch {
    return {};
  }
}

import { pauseKey, reconcilerKey } from '../jobs/keys';
import { type ItemDeps, readItem } from '../jobs/ledger';
import type { Pause } from '../jobs/pause';
import type { FailingWork, ReconcilerRun } from '../jobs/run-lease';
import { type StoredFact, storedFacts } from './fact';
import { isAboutWaiting } from './kinds';
import type { Change } from './notification';

/** What the table knows about an alarm or a fact. */
export interface Known {
  /** The dead jobs of a queue, a fact for each code. */
  dead?: readonly StoredFact[];
  /** What fails in the reconciler. */
  failing?: readonly FailingWork[];
  /** Since when the queue is paused, and why. Who did it may be an address, so the chat does not show it. */
  pause?: Pick<Pause, 'at' | 'reason'> | undefined;
}

/** Reads what is behind an alarm. Empty if the table does not answer, because the message is sent anyway. */
export async function knownOf(deps: ItemDeps, { kind, subject, rings }: Change): Promise<Known> {
  try {
    const pause = isAboutWaiting(kind) ? ((await readItem(deps, pauseKey(subject))) as Pause | undefined) : undefined;
    if (!rings || pause) return { pause };
    if (kind === 'reconciler-failing')
      return { failing: ((await readItem(deps, reconcilerKey)) as ReconcilerRun | undefined)?.failing ?? [] };
    if (kind !== 'dlq-depth' && kind !== 'error-rate') return {};
    const facts = Object.values(await storedFacts(deps));
    return { dead: facts.filter((fact) => fact.kind === 'jobs-dead' && fact.subject === subject) };
  } catch {
    return {};
  }
}

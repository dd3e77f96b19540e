import type { DlqExits, Exit } from '../jobs/dlq-exits';
import { dlqKey, todoKey } from '../jobs/keys';
import { updateItem } from '../jobs/ledger';
import type { ReconcileDeps } from './deps';

/** Counts what left the DLQs in one run. `redriven` is computed, because no redrive is reported to the reconciler. */
export interface Exits {
  note(queue: string, how: Exclude<Exit, 'redriven'>): void;
  /** Stores what left the queue's DLQ since the last run, for the chat message that says that the DLQ is empty. */
  keep(deps: Pick<ReconcileDeps, 'table' | 'clock' | 'random'>, queue: string): Promise<void>;
}

const MOST_EXITS = 50;

export function createExits(): Exits {
  const noted = new Map<string, Map<Exclude<Exit, 'redriven'>, number>>();
  return {
    note(queue, how) {
      const counts = noted.get(queue) ?? new Map();
      noted.set(queue, counts.set(how, (counts.get(how) ?? 0) + 1));
    },
    async keep(deps, queue) {
      const { table, clock } = deps;
      const at = clock.now();
      const todo = todoKey(queue, 'dead');
      const counts = noted.get(queue) ?? new Map<Exclude<Exit, 'redriven'>, number>();
      const dead = await table.count(todo, { since: 0 });
      const last = (await table.get(dlqKey(queue))) as DlqExits | undefined;
      if (counts.size === 0 && dead === (last?.dead ?? 0)) return;

      const parked = last && (await table.count(todo, { since: last.at }));
      // A job stops being dead when its entry expires, or an operator discards or reopens it.
      const gone = last && parked !== undefined ? last.dead + parked - dead : 0;
      const redriven = gone - (counts.get('expired') ?? 0) - (counts.get('discarded') ?? 0);
      const left = [...counts, ...(redriven > 0 ? [['redriven', redriven] as const] : [])];
      await updateItem<DlqExits>(deps, dlqKey(queue), (stored) => ({
        ...(stored ?? { key: dlqKey(queue), version: 0, writer: '' }),
        dead,
        at,
        exits: [...(stored?.exits ?? []), ...left.map(([how, count]) => ({ at, how, count }))].slice(-MOST_EXITS),
      }));
    },
  };
}

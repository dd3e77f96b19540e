import { changeOf } from '../alarms/judge/change';
import { definitionOf } from '../alarms/judge/definition';
import type { AlarmSpec } from '../alarms/specs/spec';
import { mapEach } from '../concurrency';
import { groupBy } from '../group-by';
import type { Cause, DlqExits } from '../jobs/dlq-exits';
import { dlqKey, todoKey } from '../jobs/keys';
import { readItem, updateItem } from '../jobs/ledger';
import type { JobRow } from '../jobs/row';
import type { ReconcileDeps } from './deps';
import { type Monitor, tell, whereIs } from './monitor';

/** The most dead jobs of a queue that are looked at, the newest. */
const MOST_JOBS = 200;
const AT_ONCE = 16;
const MOST_IDS = 3;

/**
 * Stores why the jobs in a DLQ died, for the chat message. If jobs die of a code that the chat has not been told about
 * while the alarm is firing for others, it fires again. `exits.keep` has counted the dead jobs before.
 */
export async function keepCauses(deps: ReconcileDeps, queue: string): Promise<void> {
  const { monitor } = deps;
  if (!monitor) return;
  const item = (await readItem(deps, dlqKey(queue))) as DlqExits | undefined;
  if (!item) return;
  const before = item.causes ?? [];
  const dead = item.dead === 0 ? [] : await deadJobs(deps, queue);
  const causes = causesOf(dead);
  const codes = causes.map(({ code }) => code);
  const told = dead.length === 0 ? [] : (item.told ?? []);
  const alarm = monitor.dlqAlarm(queue);
  const rings = alarm !== undefined && dead.length >= alarm.threshold;
  const fresh = codes.filter((code) => !told.includes(code));
  if (told.length > 0 && rings && fresh.length > 0) await ringAgain(deps, monitor, { alarm, dead: dead.length, fresh });
  const next = rings ? [...told, ...fresh] : told;
  if (JSON.stringify([before, item.told ?? []]) === JSON.stringify([causes, next])) return;
  await updateItem<DlqExits>(deps, dlqKey(queue), (stored) => stored && { ...stored, causes, told: next });
}

async function deadJobs({ table, ledger }: ReconcileDeps, queue: string): Promise<JobRow[]> {
  const due = await table.due(todoKey(queue, 'dead'), {
    until: Number.MAX_SAFE_INTEGER,
    limit: MOST_JOBS,
    newestFirst: true,
  });
  const rows = await mapEach(due.toReversed(), AT_ONCE, ({ key }) => ledger.known(key));
  return rows.filter((row) => row?.state === 'dead') as JobRow[];
}

/** The oldest jobs come first in `rows`. */
const causesOf = (rows: JobRow[]): Cause[] =>
  [...groupBy(rows, ({ error, reason }) => error?.code ?? reason ?? 'unknown')]
    .map(([code, jobs]) => ({ code, jobs: jobs.length, first: jobs.slice(0, MOST_IDS).map(({ id }) => id) }))
    .sort((a, b) => b.jobs - a.jobs);

async function ringAgain(
  { clock }: ReconcileDeps,
  monitor: Monitor,
  { alarm, dead, fresh }: { alarm: AlarmSpec; dead: number; fresh: string[] },
): Promise<void> {
  const reason = `jobs died of ${fresh.join(', ')} [${dead}.0 (now)]`;
  const at = { before: 'ALARM' as const, at: clock.now(), ...whereIs(monitor) };
  await tell(monitor, changeOf(definitionOf(alarm, monitor), { state: 'ALARM', reason }, at));
}

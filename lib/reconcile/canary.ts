import { readItem, writeItem } from '../jobs/items';
import { canaryKey, jobKey } from '../jobs/keys';
import { sendOpen } from '../jobs/messages';
import { type Canary, canaryEnvelope, canaryRow } from '../jobs/new-row';
import { isEnd } from '../jobs/row';
import type { ReconcileDeps } from './run';

/**
 * Sends a canary through the queue every `everyMs` and measures the last one. `Canary` is 1 if it succeeded before the
 * next one was due, else 0.
 */
export async function watchCanary(
  deps: ReconcileDeps,
  { queue, everyMs }: { queue: string; everyMs: number },
): Promise<void> {
  const last = (await readItem(deps, canaryKey(queue))) as Canary | undefined;
  const due = !last || deps.clock.now() - last.at >= everyMs;
  const judged = last && !last.judged ? await follow(deps, { queue, canary: last, everyMs, due }) : last;
  if (!due) return;
  const made = { id: deps.random.uuid(), at: deps.clock.now(), judged: false };
  const begun = await write(deps, { ...made, key: canaryKey(queue), version: judged?.version ?? 0, writer: '' });
  if (begun) await sendCanary(deps, queue, begun);
}

/** Measures a canary that has ended, or that is overdue. Returns it if this run was the one that measured it. */
async function follow(
  deps: ReconcileDeps,
  { queue, canary, everyMs, due }: { queue: string; canary: Canary; everyMs: number; due: boolean },
): Promise<Canary | undefined> {
  const row = await deps.ledger.known(jobKey(queue, canary.id));
  const ended = row !== undefined && isEnd(row.state);
  if (!ended && !due) {
    // The run that created it may have died before it sent the message.
    if (row?.sentAt === undefined) await sendCanary(deps, queue, canary);
    return undefined;
  }
  // Write first, so that only one of two concurrent runs measures. If this run dies here, the canary is not measured.
  const judged = await write(deps, { ...canary, judged: true });
  if (!judged) return undefined;
  const ms = row?.state === 'succeeded' ? (row.endedAt ?? 0) - (row.sentAt ?? row.createdAt) : undefined;
  const inTime = ms !== undefined && ms < everyMs;
  deps.metrics.add('Canary', inTime ? 1 : 0, 'Count', { queue });
  if (!inTime) deps.log.warn('a canary was not done in time', { queue, jobId: canary.id, state: row?.state, ms });
  return judged;
}

/** Writes the row of a canary, then sends its message. Both can be repeated, because the id stays. */
export async function sendCanary(deps: ReconcileDeps, queue: string, canary: Pick<Canary, 'id' | 'at'>): Promise<void> {
  const written = await deps.ledger.write(canaryRow(queue, canary, deps.random), 0);
  const row = written.written ? written.item : written.stored;
  if (row?.state === 'queued') await sendOpen(deps, row, JSON.stringify(canaryEnvelope(canary)));
}

/** Returns `undefined` if another run has written since. */
async function write(deps: ReconcileDeps, item: Canary): Promise<Canary | undefined> {
  const result = await writeItem({ ...deps, item, expected: item.version });
  return result.written ? result.item : undefined;
}

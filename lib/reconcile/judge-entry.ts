import { CRASH_LOOP_RUNS } from '../jobs/claim';
import { finish } from '../jobs/finish';
import { disowned, resolve } from '../jobs/identify';
import { invalidId, jobKey } from '../jobs/keys';
import { ATTRIBUTE } from '../jobs/park';
import { keepCancelled } from '../jobs/reopen';
import { crashesOf, placeOf } from '../jobs/transitions';
import type { ReceivedMessage } from '../ports';
import { parkCrashed } from './park-crashed';
import type { Moved } from './returns';
import type { ReconcileRun } from './run';

/** What to do with a message of a DLQ. `later`: judge it again soon. A message that was never tried is returned. */
export type Verdict = 'keep' | 'later' | 'delete' | Moved;

/** A message of a DLQ, and the parked entries that this run has seen. */
interface Entry {
  queue: string;
  message: ReceivedMessage;
  seen: Set<string>;
}

export async function judgeEntry(deps: ReconcileRun, { queue, message, seen }: Entry): Promise<Verdict> {
  // A parked entry that was redriven keeps its attributes. If SQS moves it here again, only SQS's mark shows that.
  if (!message.movedBySqs && message.attributes.code !== undefined) return judgeParked(deps, { queue, message, seen });
  const moved = await owned(deps, queue, message);
  const { resolved, row } = moved;
  if (!row) return moved;
  if (row.canary) {
    // Its own metric reports that it did not end.
    deps.exits.note(queue, 'canary');
    return 'delete';
  }
  if (row.state === 'processing' && row.lease && row.lease.until > deps.clock.now()) return 'later';
  // Damaged, or written by newer code: only code that knows the state can judge the message.
  if (placeOf(row) === undefined) return 'keep';
  const done = row.left.includes(message.messageId) || row.state === 'succeeded' || row.reason === 'operator';
  if (done) {
    await finish(deps, row, resolved.body);
    return (await keepCancelled(deps, row, resolved.body)) ? 'delete' : 'later';
  }
  if (row.state === 'processing' && crashesOf(row) >= CRASH_LOOP_RUNS)
    return (await parkCrashed(deps, queue, moved)) ? 'delete' : 'later';
  return moved;
}

/** The message with its job. A message that carries the id of another job is a job of its own, as for the worker. */
async function owned(deps: ReconcileRun, queue: string, message: ReceivedMessage): Promise<Moved> {
  const resolved = await resolve({ ...deps, queue }, message);
  const own = disowned(resolved, invalidId(message.messageId));
  const ownRow = await deps.ledger.get(jobKey(queue, own.id));
  // It was separated before, perhaps from a job that was done without a row (worker/direct.ts).
  if (ownRow) return { message, resolved: own, row: ownRow };
  const row = await deps.ledger.get(jobKey(queue, resolved.id));
  if (!row || row.payloadHash === resolved.payloadHash) return { message, resolved, row };
  return { message, resolved: own, row: undefined };
}

/** An entry that a worker or the reconciler sent stays while its job is dead from that message, unless it was discarded. */
async function judgeParked(deps: ReconcileRun, { queue, message, seen }: Entry): Promise<Verdict> {
  const { messageId, [ATTRIBUTE.job]: id } = message.attributes;
  const row = id === undefined ? undefined : await deps.ledger.get(jobKey(queue, id));
  if (!row) return 'keep';
  const entry = `${row.id} ${messageId}`;
  const again = seen.has(entry);
  seen.add(entry);
  const wanted = row.state === 'dead' && row.parkedFrom === messageId && row.leftDlqAt === undefined;
  if (wanted && !again) return 'keep';
  if (row.state === 'dead' && row.leftDlqAt !== undefined && !again) deps.exits.note(queue, 'discarded');
  return 'delete';
}

import { invalidId, jobKey } from '../jobs/keys';
import { keepsEntry, ROW_DAMAGED, UnreadableRowError } from '../jobs/ledger';
import { ATTRIBUTE, belongs, keepBody } from '../jobs/messages';
import type { JobRow } from '../jobs/row';
import { crashesOf, parkPoison } from '../jobs/transitions';
import type { ReceivedMessage } from '../ports';
import { countEnd, finish, keepCancelled, parkUnread } from '../worker/close';
import {
  CRASH_LOOP,
  CRASH_LOOP_RUNS,
  firstRow,
  identify,
  namedJob,
  permission,
  refuse,
  rejected,
  type Subject,
} from '../worker/open';
import type { ReconcileRun } from './run';

/** A message that SQS moved to the DLQ, and what the table knows of its job. */
export interface Moved {
  message: ReceivedMessage;
  subject: Subject;
  /** As the table has it, or as the message describes it (version 0). */
  row: JobRow;
}

/** What to do with a DLQ message. `later`: judge it again soon. `Moved`: no worker has tried it, so return it. */
export type Verdict = 'keep' | 'later' | 'delete' | Moved;

/** A DLQ message, and the parked entries that this run has seen. */
interface Entry {
  queue: string;
  message: ReceivedMessage;
  seen: Set<string>;
}

/** Judges an entry. It stays while its job's row or record cannot be read. */
export async function judgeEntry(deps: ReconcileRun, entry: Entry): Promise<Verdict> {
  const { queue, message } = entry;
  const { code, job } = message.attributes;
  try {
    return await judged(deps, entry);
  } catch (error) {
    if (!(error instanceof UnreadableRowError)) throw error;
    if (error.code !== ROW_DAMAGED) return 'keep';
    const isUnlabelled = message.movedBySqs && code !== ROW_DAMAGED;
    // The number is the DLQ's.
    const { sequenceNumber: _number, ...moved } = message;
    const jobId = isUnlabelled ? await parkUnread(deps, { queue, message: moved }, error) : job;
    deps.failed({ queue, code: ROW_DAMAGED, ...(jobId === undefined ? {} : { jobId }) });
    return isUnlabelled ? 'delete' : 'keep';
  }
}

async function judged(deps: ReconcileRun, { queue, message, seen }: Entry): Promise<Verdict> {
  const { messageId, receiveCount, movedBySqs, attributes } = message;
  // A worker parked the message because its row did not parse, so it could not see whether the message is one of ours.
  const restored = !movedBySqs && attributes.code === ROW_DAMAGED;
  // A redriven entry keeps its attributes. If SQS moves it to the DLQ again, only SQS's own mark shows that.
  if (!movedBySqs && attributes.code !== undefined && !restored) return judgeParked(deps, { queue, message, seen });
  const { group = message.groupId } = restored ? attributes : {};
  const moved = await owned(deps, queue, { ...message, ...(group === undefined ? {} : { groupId: group }) }, restored);
  // The canary's own metric reports that it did not end.
  if (moved?.row.canary) return 'delete';
  const allowed = moved && permission(moved.row, message, moved.subject);
  if (!moved || allowed === 'refused') {
    refuse(deps, { queue, jobId: namedJob(attributes) ?? moved?.row.id, messageId, receiveCount });
    return 'delete';
  }
  const { subject, row } = moved;
  if (row.state === 'processing' && row.lease && row.lease.until > deps.clock.now()) return 'later';
  if (allowed === 'late') {
    await finish(deps, row, subject);
    return (await keepCancelled(deps, row, subject.body)) ? 'delete' : 'later';
  }
  if (row.state === 'processing' && crashesOf(row) >= CRASH_LOOP_RUNS)
    return (await parkCrashed(deps, queue, moved)) ? 'delete' : 'later';
  return moved;
}

/** Finds the message's job. As in the worker, a message with the id of another job gets an id and a job of its own. */
async function owned(
  deps: ReconcileRun,
  queue: string,
  message: ReceivedMessage,
  restored: boolean,
): Promise<Moved | undefined> {
  const found = await identify(deps, queue, message);
  const subject = restored ? { ...found, named: false } : found;
  const own = rejected(subject, invalidId(message.messageId));
  const ownRow = await deps.ledger.get(jobKey(queue, own.id));
  // An earlier run gave this message its own id, perhaps because the job was done without a row (worker/run.ts).
  if (ownRow) return { message, subject: own, row: ownRow };
  return find(subject);

  async function find(of: Subject): Promise<Moved | undefined> {
    const row = await deps.ledger.get(jobKey(queue, of.id));
    if (row) return belongs(row, of.payloadHash) ? { message, subject: of, row } : find(own);
    const { groupId: group, messageId, movedBySqs, sentAt } = message;
    // SQS says when it moved the message, which may be a retention after its send.
    const retention = deps.settings(queue).retention * (movedBySqs ? 2 : 1);
    const made = await firstRow(deps, of, { queue, group, messageId, sentAt, retention });
    if (!('kind' in made)) return { message, subject: of, row: made };
    return made.kind === 'refused' ? undefined : find(made.subject);
  }
}

/** Judges a parked entry. It stays while its job is dead from that message, unless an operator discarded it. */
async function judgeParked(deps: ReconcileRun, { queue, message, seen }: Entry): Promise<Verdict> {
  const { messageId, [ATTRIBUTE.job]: id } = message.attributes;
  const row = id === undefined ? undefined : await deps.ledger.get(jobKey(queue, id));
  if (!row) return 'keep';
  const entry = `${row.id} ${messageId}`;
  const again = seen.has(entry);
  seen.add(entry);
  if (keepsEntry(row) && row.parkedFrom === messageId && !again) return 'keep';
  return 'delete';
}

/** Ends a job that kills each worker that runs it. `false`: the row has changed, so the next walk judges it again. */
export async function parkCrashed(deps: ReconcileRun, queue: string, moved: Moved): Promise<boolean> {
  const { ledger, clock, metrics, log } = deps;
  const { message, subject } = moved;
  const at = clock.now();
  const base = moved.row;
  await keepBody(deps, base, subject.body);
  const parked = parkPoison(base, { at, messageId: message.messageId, reason: 'crash', error: CRASH_LOOP });
  const result = await ledger.write(parked, base.version);
  if (!result.written) return false;
  countEnd(metrics, queue, 'dead');
  log.error('parked after crashes', { queue, jobId: base.id, messageId: message.messageId, code: CRASH_LOOP.code });
  await finish(deps, result.item, subject);
  return true;
}

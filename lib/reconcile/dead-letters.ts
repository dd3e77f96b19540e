import { CRASH_LOOP_RUNS, crashLoop, silentRuns } from '../jobs/claim';
import { finish } from '../jobs/finish';
import { bodyKey, invalidId, jobKey, todoKey } from '../jobs/keys';
import { appended } from '../jobs/ledger';
import { blankRow, rowOfEnvelope } from '../jobs/new-row';
import { ATTRIBUTE } from '../jobs/park';
import { keepCancelled } from '../jobs/reopen';
import type { JobRow } from '../jobs/row';
import { storedError } from '../jobs/stored-error';
import type { ReceivedMessage } from '../ports';
import { countOutcome } from '../worker/report';
import { disowned, resolve } from '../worker/resolve';
import type { ReconcileDeps, ReconcileRun, Work } from './deps';
import { eachOf, throughAll } from './each-of';
import { type Moved, returnUntried } from './returns';
import { receiveGroups, showIn } from './walk';

/** How long a walk keeps what it has seen out of everybody's sight, should it not come to put it back … */
const WALK_SECONDS = 60;
/** … and where it has no time to come to the end, so that the next walks go on there. */
const SEEN_SECONDS = 300;
const AT_ONCE = 10;
/** The counts of SQS are approximate, and can agree by chance: every so often a walk is made for nothing. */
const WALK_ANYWAY_MS = 15 * 60_000;

/**
 * Looks through a DLQ for what SQS moved there by itself. What a worker parked stays; of the rest, ended jobs are
 * completed, killers parked with their reason, and whatever was never tried goes back to its queue. A canary is taken
 * out: that it did not end is told by its own metric.
 */
export const judgeDeadLetters: Work = async (deps, queue, mayGoOn) => {
  if (!(await worthWalking(deps, queue))) return;
  /** What was received, is still in the DLQ, and is to be seen again. */
  const hidden = new Set<ReceivedMessage>();
  try {
    const { untried, failures } = await walk(deps, { queue, mayGoOn, hidden });
    const waiting = await returnUntried(deps, {
      queue,
      untried,
      now: deps.clock.now(),
      mayGoOn,
      park: (moved) => parkCrashed(deps, queue, moved),
    });
    for (const moved of untried) if (!waiting.includes(moved)) hidden.delete(moved.message);
    if (failures.length > 0) throw failures[0];
  } finally {
    const url = deps.dlqUrl(queue);
    await eachOf([...hidden], AT_ONCE, ({ receiptHandle }) => showIn(deps.queues, url, receiptHandle, 0));
  }
};

/**
 * Judges the messages of a DLQ up to the end of the queue, or of the time; answers those that were never tried. One that
 * cannot be judged keeps those of other groups from nothing, and what came behind it from being returned before it.
 */
async function walk(
  deps: ReconcileRun,
  { queue, mayGoOn, hidden }: { queue: string; mayGoOn: () => boolean; hidden: Set<ReceivedMessage> },
): Promise<{ untried: Moved[]; failures: unknown[] }> {
  const { queues } = deps;
  const url = deps.dlqUrl(queue);
  const seen = new Set<string>();
  const kept: ReceivedMessage[] = [];
  const untried: Moved[] = [];
  const failures: unknown[] = [];
  /** Groups of which a message is being judged, or could not be. */
  const stuck = new Set<string>();
  const handle = async (message: ReceivedMessage): Promise<void> => {
    const { groupId = message.messageId } = message;
    if (!mayGoOn() || stuck.has(groupId)) return;
    stuck.add(groupId);
    const verdict = await judge(deps, { queue, message, seen });
    stuck.delete(groupId);
    if (verdict === 'keep') kept.push(message);
    else if (verdict !== 'delete') untried.push(verdict);
    else {
      await queues.delete(url, message.receiptHandle);
      hidden.delete(message);
    }
  };
  while (mayGoOn()) {
    const messages = await receiveGroups(queues, url, WALK_SECONDS);
    if (messages.length === 0) return { untried, failures };
    for (const message of messages) hidden.add(message);
    await throughAll(messages, handle).catch((error: unknown) => failures.push(error));
  }
  for (const message of kept) hidden.delete(message);
  await eachOf(kept, AT_ONCE, ({ receiptHandle }) => showIn(queues, url, receiptHandle, SEEN_SECONDS));
  return { untried, failures };
}

async function worthWalking(
  { queues, table, clock, settings, dlqUrl }: ReconcileDeps,
  queue: string,
): Promise<boolean> {
  const { visible, inFlight } = await queues.depth(dlqUrl(queue));
  const since = clock.now() - settings(queue).dlqRetention * 1000;
  const parked = await table.count(todoKey(queue, 'dead'), { since });
  return visible + inFlight !== parked || clock.now() % WALK_ANYWAY_MS < 60_000;
}

type Verdict = 'keep' | 'delete' | Moved;

async function judge(
  deps: ReconcileRun,
  { queue, message, seen }: { queue: string; message: ReceivedMessage; seen: Set<string> },
): Promise<Verdict> {
  // A parked entry that was redriven keeps its attributes: should SQS move it here again, only SQS's own mark tells.
  if (!message.movedBySqs && message.attributes.code !== undefined) return judgeParked(deps, { queue, message, seen });
  const moved = await owned(deps, queue, message);
  const { resolved, row } = moved;
  if (!row) return moved;
  if (row.canary) {
    deps.exits.note(queue, 'canary');
    return 'delete';
  }
  if (row.state === 'processing' && row.lease && row.lease.until > deps.clock.now()) return 'keep';
  const done = row.left.includes(message.messageId) || row.state === 'succeeded' || row.reason === 'operator';
  if (done) {
    await finish(deps, row, resolved.body);
    return (await keepCancelled(deps, row, resolved.body)) ? 'delete' : 'keep';
  }
  if (row.state === 'processing' && silentRuns(row) >= CRASH_LOOP_RUNS) {
    return (await parkCrashed(deps, queue, moved)) ? 'delete' : 'keep';
  }
  return moved;
}

/** The message with its job; one that carries the id of another's job is a job of its own, as the worker sees it too. */
async function owned(deps: ReconcileRun, queue: string, message: ReceivedMessage): Promise<Moved> {
  const resolved = await resolve({ ...deps, queue }, message);
  const own = disowned(resolved, invalidId(message.messageId));
  const ownRow = await deps.ledger.get(jobKey(queue, own.id));
  // Told apart before, perhaps from a job that was done without a row (worker/direct.ts).
  if (ownRow) return { message, resolved: own, row: ownRow };
  const row = await deps.ledger.get(jobKey(queue, resolved.id));
  if (!row || row.payloadHash === resolved.payloadHash) return { message, resolved, row };
  return { message, resolved: own, row: undefined };
}

/** An entry that a worker or this reconciler sent: it stays while its job is dead from that very message, unless it was discarded. */
async function judgeParked(
  deps: ReconcileRun,
  { queue, message, seen }: { queue: string; message: ReceivedMessage; seen: Set<string> },
): Promise<Verdict> {
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

/**
 * Ends a job that kills whatever runs it: the DLQ gets an entry with the reason, in whose favour the message may go.
 * `false` where somebody else has changed the row since: the next walk judges again.
 */
async function parkCrashed(deps: ReconcileRun, queue: string, moved: Moved): Promise<boolean> {
  const { ledger, objects, prefix, clock, metrics, log } = deps;
  const { message, resolved } = moved;
  const at = clock.now();
  const error = storedError(crashLoop());
  const base = rowToEnd(queue, moved, at);
  await objects.put(bodyKey(prefix, queue, base.id), resolved.body, 'application/json');
  const { lease: _lease, recordedAt: _recordedAt, parkedAt: _parkedAt, leftDlqAt: _leftDlqAt, ...rest } = base;
  const result = await ledger.write(
    {
      ...rest,
      state: 'dead',
      reason: 'crash',
      error,
      endedAt: at,
      parkedFrom: message.messageId,
      bodyKept: true,
      left: appended(base.left, message.messageId),
      history: appended(base.history, { at, event: 'dead (crash)', messageId: message.messageId, error }),
    },
    base.version,
  );
  if (!result.written) return false;
  countOutcome(metrics, { queue, name: 'JobsParked', kind: 'crash' });
  log.error('parked after crashes', { queue, jobId: base.id, messageId: message.messageId, code: error.code });
  await finish(deps, result.item, resolved.body);
  return true;
}

/** The job's row, or a new one where it never got so far. */
function rowToEnd(queue: string, { message, resolved, row }: Moved, now: number): JobRow {
  if (row) return row;
  const { id, envelope, payloadHash } = resolved;
  const origin = { queue, group: message.groupId, now };
  return envelope
    ? rowOfEnvelope({ ...origin, envelope })
    : blankRow({ ...origin, id, time: message.sentAt, payloadHash });
}

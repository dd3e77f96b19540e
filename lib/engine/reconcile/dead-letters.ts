import { mapEach } from '../../platform/concurrency';
import { ignoreStoreError, StoreError } from '../../platform/errors';
import { groupBy } from '../../platform/group-by';
import type { Queues, ReceivedMessage } from '../../platform/ports';
import { todoKey } from '../jobs/keys';
import { ATTRIBUTE } from '../jobs/messages';
import type { ReconcileDeps, ReconcileRun, Work } from './contract';
import { judgeEntry, type Moved, noteUnread, returnUntried } from './returns';

/** Longer than a run. If a run dies, the messages that it received return to the next run. */
const RUN_SECONDS = 60;
/** The most bytes of untried messages' bodies that a run holds at once. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * Looks through a DLQ for messages that SQS moved there. It completes jobs that have ended, parks poison messages with
 * their reason, and returns messages that were never tried. Parked entries stay. If one run has no time for the whole
 * DLQ, the next runs continue. Kept entries are hidden meanwhile, so that each run receives others.
 */
export const judgeDeadLetters: Work = async (deps, queue, mayGoOn) => {
  const due = await dueWalk(deps, queue);
  if (!due) return;
  const { clock } = deps;
  /** Receipt handles of messages in the DLQ that are hidden only for this run. */
  const held = new Set<string>();
  const show = async (handles: readonly string[], at: number) => {
    const seconds = Math.max(0, at - clock.now()) / 1000;
    await showIn(deps.queues, { url: deps.dlqUrl(queue), handles, seconds });
    for (const handle of handles) held.delete(handle);
  };
  try {
    const { whole, kept, untried, unread, failures } = await walk(deps, { queue, mayGoOn, held });
    const received = held.size;
    const until = clock.now() + hideMs(due, received);
    if (whole) await noteUnread(deps, queue, unread);
    else {
      await show(kept, until);
      await deps.keep({ kind: 'row-damaged', subject: queue });
    }
    const waiting = (await returnUntried(deps, queue, { untried, whole, mayGoOn })).map(handleOf);
    for (const moved of untried) held.delete(handleOf(moved));
    const again = [...waiting, ...held];
    for (const handle of waiting) held.add(handle);
    // The next run judges these again, but at most half of a run's work, so that it reaches other messages too.
    if (!whole) await show(again.slice(Math.ceil(received / 2)), until);
    if (failures.length > 0) throw failures[0];
  } finally {
    await show([...held], 0);
  }
};

const handleOf = ({ message }: Moved): string => message.receiptHandle;

/**
 * Judges the messages of a DLQ until the queue or the time ends. Groups run side by side; each group keeps its order.
 * If a message cannot be judged, the later messages of its group wait, and other groups go on.
 */
async function walk(
  deps: ReconcileRun,
  { queue, mayGoOn, held }: { queue: string; mayGoOn: () => boolean; held: Set<string> },
) {
  const url = deps.dlqUrl(queue);
  const seen = new Set<string>();
  /** Receipt handles of the entries that stay. */
  const kept: string[] = [];
  const untried: Moved[] = [];
  const failures: unknown[] = [];
  let bytes = 0;
  let unread = 0;

  const judgeGroup = async (messages: ReceivedMessage[]): Promise<void> => {
    for (const message of messages) {
      if (!mayGoOn()) return;
      const { receiptHandle } = message;
      const verdict = await judgeEntry(deps, { queue, message, seen });
      if (verdict === 'unread') unread++;
      if (verdict === 'keep' || verdict === 'unread') kept.push(receiptHandle);
      else if (verdict === 'delete') {
        await deps.queues.delete(url, receiptHandle);
        held.delete(receiptHandle);
      } else if (verdict !== 'later') {
        untried.push(verdict);
        bytes += verdict.content.body.length;
      }
    }
  };
  const receiving = { url, seconds: RUN_SECONDS, mayGoOn: () => mayGoOn() && bytes < MOST_BYTES };
  const whole = await receiveAll(deps.queues, receiving, async (messages) => {
    for (const { receiptHandle } of messages) held.add(receiptHandle);
    const groups = [...groupBy(messages, groupOf).values()];
    const results = await Promise.allSettled(groups.map(judgeGroup));
    failures.push(...results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])));
  });
  return { whole, kept, untried, unread, failures };
}

/** A standard queue has no groups, so the job's id keeps the entries of one job in order. */
const groupOf = ({ groupId, attributes, messageId }: ReceivedMessage): string =>
  groupId ?? attributes[ATTRIBUTE.job] ?? messageId;

const MINUTE_MS = 60_000;
/** SQS counts approximately, and counts can agree by chance. So a walk is due in each quarter of an hour anyway. */
const WALK_ANYWAY_MS = 15 * MINUTE_MS;

/** `entries`: in the DLQ, visible or hidden. `everyMs`: until the next run of the walk, if this one is not the last. */
type DueWalk = { entries: number; everyMs: number };

export async function entriesIn(queues: Queues, url: string): Promise<number> {
  const { visible, inFlight } = await queues.depth(url);
  return visible + inFlight;
}

/** A DLQ's entries, and how many more than its dead jobs. A difference means that there is something to judge. */
export async function dlqCounts({ queues, table, clock, settings, dlqUrl }: ReconcileDeps, queue: string) {
  const entries = await entriesIn(queues, dlqUrl(queue));
  const since = clock.now() - settings(queue).dlqRetention * 1000;
  return { entries, surplus: entries - (await table.count(todoKey(queue, 'dead'), { since })) };
}

async function dueWalk(deps: ReconcileRun, queue: string): Promise<DueWalk | undefined> {
  const now = deps.clock.now();
  const { entries, surplus } = await dlqCounts(deps, queue);
  if (surplus !== 0) return { entries, everyMs: MINUTE_MS };
  const quarter = (time: number) => Math.floor(time / WALK_ANYWAY_MS);
  return quarter(now) === quarter(deps.lastRunAt) ? undefined : { entries, everyMs: WALK_ANYWAY_MS };
}

/** For how long entries are hidden, in ms: twice the time until the whole DLQ is seen. */
export function hideMs({ entries, everyMs }: DueWalk, judged: number): number {
  const wanted = (2 * everyMs * entries) / Math.max(1, judged);
  return Math.min(LONGEST_WALK_MS, Math.max(SHORTEST_WALK_MS, wanted));
}

/** The most messages that SQS gives or takes in one call. */
const BATCH = 10;
/** A short poll asks only some of SQS's servers, so one empty answer does not prove that the queue is empty. */
const FRUITLESS_RECEIVES = 3;
/** SQS takes 300 calls of a kind each second for a FIFO queue, so only a few run at once. */
const CALLS_AT_ONCE = 4;
const SHORTEST_WALK_MS = 5 * 60_000;
/** SQS hides a message for at most twelve hours after its receive. */
const LONGEST_WALK_MS = 11 * 3_600_000;

/** Receives the messages of a DLQ and hides them for some seconds. Returns whether it reached the end of the queue. */
export async function receiveAll(
  queues: Queues,
  { url, seconds, mayGoOn }: { url: string; seconds: number; mayGoOn: () => boolean },
  act: (messages: ReceivedMessage[]) => Promise<void>,
): Promise<boolean> {
  for (let fruitless = 0; fruitless < FRUITLESS_RECEIVES; ) {
    if (!mayGoOn()) return false;
    const messages = await queues.receive(url, { max: BATCH, visibilitySeconds: seconds }).catch((error: unknown) => {
      // With too many messages in flight, a FIFO queue returns nothing and a standard queue refuses.
      if (error instanceof StoreError && error.code === 'SQS.OverLimit') return [];
      throw error;
    });
    fruitless = messages.length === 0 ? fruitless + 1 : 0;
    const { whole, cut } = wholeGroups(messages);
    const handles = cut.map(({ receiptHandle }) => receiptHandle);
    await Promise.all([act(whole), showIn(queues, { url, handles, seconds: 0 })]);
  }
  return true;
}

/**
 * Cuts the last group off a full batch, because more messages of that group may follow. A received message hides the
 * rest of its group. So two entries of one job would never be seen together if the first one is the tenth of its batch.
 * A group of more than ten messages cannot be received as a whole.
 */
function wholeGroups(messages: ReceivedMessage[]): { whole: ReceivedMessage[]; cut: ReceivedMessage[] } {
  const last = messages.at(-1)?.groupId;
  const whole = messages.filter(({ groupId }) => groupId !== last);
  if (messages.length < BATCH || last === undefined || whole.length === 0) return { whole: messages, cut: [] };
  return { whole, cut: messages.filter(({ groupId }) => groupId === last) };
}

/** Makes messages visible again after some seconds. If SQS refuses, they return when their timeout ends. */
async function showIn(
  queues: Queues,
  { url, handles, seconds }: { url: string; handles: readonly string[]; seconds: number },
): Promise<void> {
  const batches = Array.from({ length: Math.ceil(handles.length / BATCH) }, (_, index) =>
    handles.slice(index * BATCH, (index + 1) * BATCH),
  );
  await mapEach(batches, CALLS_AT_ONCE, (batch) =>
    queues.changeVisibilityBatch(url, batch, seconds).catch(ignoreStoreError),
  );
}

import { v5 } from 'uuid';
import { dataKey, rejectedPartition } from '../../lib/analytics/keys';
import { ANALYTICS_EVENTS, type AnalyticsEvent, addressProblem, problemOf } from '../../lib/analytics/message';
import { MAX_INLINE_DATA_BYTES, sendable } from '../../lib/jobs/envelope';
import { ANALYTICS_QUEUE } from '../../lib/jobs/keys';
import { linesOf } from '../../lib/ops/analytics';
import { type OperatorDeps, OperatorError } from '../../lib/ops/operator';

/** Never change this: a second replay would then not find the objects of the first. */
const REPLAY_NAMESPACE = '0f5bd0b2-7a4b-5c0e-9a52-6e1d9e6d2a41';
const REPLAYS = '/operator/replays/';

/**
 * Sends the rejected events of an hour again that this code accepts: those of each message as one message or, if it
 * would be too large, several. It has the time of the old one, so the events come into the same hour. Its id follows
 * from the old id and the events, so a repeat writes nothing. After another fix the message holds more events and has
 * another id, and readers and the Parquet objects take each event once, by its id. `audited` comes before the first
 * message. Returns how many it sent, and in `left` the events that break a rule of this code too or whose id their
 * message has stored already.
 */
export async function replayRejected(
  deps: OperatorDeps,
  { hour, noAddressesFrom }: { hour: number; noAddressesFrom: number },
  audited: () => Promise<string>,
): Promise<{ messages: number; events: number; left: number }> {
  const { objects, prefix, queues } = deps;
  const { type } = deps.settings(ANALYTICS_QUEUE);
  const replayed = { messages: 0, events: 0, left: 0 };
  for (const key of await objects.list(rejectedPartition(prefix, hour))) {
    const lines = linesOf((await objects.get(key)) ?? new Uint8Array());
    const [first] = lines;
    if (!first) throw new OperatorError(`${key} cannot be read. Restore it from the bucket's versions.`);
    // What a replay rejects is in the object of the first message too.
    if (first.source.startsWith(REPLAYS)) continue;
    const time = Date.parse(first.accepted);
    const own = await objects.get(dataKey(prefix, { time, id: first.job }));
    const stored = new Set(own && linesOf(own).map(({ id }) => id));
    const isValid = (event: unknown): event is AnalyticsEvent =>
      problemOf(event, time) === undefined &&
      (time < noAddressesFrom || addressProblem(event as AnalyticsEvent) === undefined) &&
      !stored.has((event as AnalyticsEvent).id);
    const valid = lines.map(({ event }) => event).filter(isValid);
    replayed.left += lines.length - valid.length;
    for (const events of packed(valid)) {
      await audited();
      const id = v5([first.job, ...events.map((event) => event.id)].join('\n'), REPLAY_NAMESPACE);
      const body = JSON.stringify({
        ...{ specversion: '1.0', id, type: ANALYTICS_EVENTS, source: REPLAYS + first.job, time: first.accepted },
        ...(first.group !== null && { partitionkey: first.group }),
        data: { events },
      });
      const identity = type === 'fifo' ? { groupId: id, deduplicationId: id } : {};
      await queues.send(deps.queueUrl(ANALYTICS_QUEUE), { body: sendable(body), ...identity });
      replayed.messages++;
      replayed.events += events.length;
    }
  }
  return replayed;
}

/** Events in lists that fit into a message. */
function packed(events: readonly AnalyticsEvent[]): AnalyticsEvent[][] {
  const lists: AnalyticsEvent[][] = [];
  let room = 0;
  for (const event of events) {
    const bytes = Buffer.byteLength(JSON.stringify(event)) + 1;
    if (bytes > room) {
      lists.push([]);
      room = MAX_INLINE_DATA_BYTES;
    }
    room -= bytes;
    lists.at(-1)?.push(event);
  }
  return lists;
}

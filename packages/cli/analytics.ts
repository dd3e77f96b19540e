import { v5 } from 'uuid';
import { MAX_INLINE_DATA_BYTES, sendable } from '../../lib/engine/jobs/envelope';
import { type AnalyticsFigures, analyticsReader, type Line, linesOf, readLines } from '../../lib/operate/ops/analytics';
import { knownQueue, type OperatorDeps, OperatorError } from '../../lib/operate/ops/operator';
import { duration } from '../../lib/platform/duration';
import type { MetricPoint } from '../../lib/platform/ports';
import { counted, isoTimes, timeText } from '../../lib/platform/text';
import { dataKey, hourIn, rejectedPrefix } from '../../lib/queues/analytics/keys';
import {
  ANALYTICS_EVENTS,
  type AnalyticsEvent,
  addressProblem,
  keyOf,
  problemOf,
} from '../../lib/queues/analytics/message';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import { chosenInstance } from '../../resources/instances/read';
import { type Command, hour, JSON_OUTPUT } from './command';
import { tableText } from './terminal';

const PERIOD = 600;
const WATCH_MS = 10_000;
const MOST_NAMES = 20;

export const analytics = {
  analytics: {
    usage: 'Show what analytics stored and rejected, by hour, and events by name',
    options: {
      watch: { usage: 'Show it again every ten seconds until Ctrl-C', type: 'boolean' },
      json: JSON_OUTPUT,
    },
    run: async ({ options, out, answer, connect }) => {
      const deps = await connect();
      knownQueue(deps, ANALYTICS_QUEUE);
      const read = analyticsReader(deps, PERIOD);
      const show = async () => {
        const figures = await read();
        answer(isoTimes(figures), figuresLines(figures));
      };
      await show();
      if (options.watch !== true) return;
      const stop = out.interrupted();
      for (;;) {
        await deps.clock.sleep(WATCH_MS, stop);
        if (stop.aborted) return;
        if (!options.json) out.line('');
        await show();
      }
    },
  },

  'analytics replay': {
    usage: 'After a fix, send the rejected events of an hour again that are valid now. Safe to repeat',
    writes: true,
    options: { hour: { usage: 'Hour (UTC) of acceptance, like 2026-01-02T03', type: 'string', required: true } },
    run: async ({ options, out, connect, audited }) => {
      const at = hour(options, 'hour');
      if (at === undefined) throw new OperatorError('--hour is required.');
      const { noAddressesFrom } = chosenInstance(options).analytics;
      const from = noAddressesFrom === undefined ? Number.POSITIVE_INFINITY : Date.parse(noAddressesFrom);
      const deps = await connect();
      knownQueue(deps, ANALYTICS_QUEUE);
      const { messages, events, left } = await replayRejected(deps, { hour: at, noAddressesFrom: from }, audited);
      out.line(`${counted(events, 'event')} sent again, in ${counted(messages, 'message')}.`);
      if (left > 0)
        out.line(`${counted(left, 'event')} not sent: invalid as before, or their message has stored their id.`);
    },
  },
} satisfies Record<string, Command>;

function figuresLines(figures: AnalyticsFigures): string[] {
  const { at, from, accepted, rejected, p50, p95, written, stored, rejections } = figures;
  const times = Array.from({ length: 3_600 / PERIOD }, (_, n) => from + n * PERIOD * 1000);
  const msText = (ms: number | undefined) => (ms === undefined ? '' : duration(ms / 1000));
  const spans = times.map((time) => {
    const value = (points: readonly MetricPoint[]) => points.find(({ at }) => at === time)?.value;
    const counts = [accepted, rejected].map((points) => String(value(points) ?? 0));
    return [timeText(time), ...counts, msText(value(p50)), msText(value(p95))];
  });
  const hours = written.hours.map(({ at, ...of }) => [
    ...[timeText(at), `${of.events ?? 'not counted'}`, `${of.users ?? ''}`],
    `${of.rejected ?? (of.events === undefined ? '' : 'not counted')}`,
  ]);
  const named = (names: readonly { name: string; events: number }[]) =>
    names.slice(0, MOST_NAMES).map(({ name, events }) => [name, String(events)]);
  const less = [...written.names.slice(MOST_NAMES), { events: written.others }];
  const others = less.reduce((sum, { events }) => sum + events, 0);
  const rules = rejections.rules.map(({ field, rule, events, example }) => [
    ...[field || 'the event', String(events), rule, example.value, example.job],
  ]);
  return [
    ...tableText(['FROM (UTC)', 'ACCEPTED', 'REJECTED', 'P50', 'P95'], spans),
    '',
    `Hours as Parquet, exact:${hours.length === 0 ? ' none' : ''}`,
    ...tableText(['HOUR (UTC)', 'EVENTS', 'USERS', 'REJECTED'], hours),
    ...tableText(['NAME', 'EVENTS'], [...named(written.names), ...(others > 0 ? [['others', String(others)]] : [])]),
    ...tableText(
      ['REJECTED', 'RULE'],
      written.rules.map(({ rule, events }) => [String(events), rule]),
    ),
    '',
    `Stored: ${counted(stored.bytes, 'byte')}, compressed, in ${newestText(stored)}.`,
    ...tableText(['NAME', 'EVENTS'], named(stored.names)),
    '',
    `Rejected, in ${newestText(rejections)}:${rules.length === 0 ? ' none' : ''}`,
    ...tableText(['FIELD', 'EVENTS', 'RULE', 'IT WAS', 'JOB'], rules),
    `As of ${timeText(at)} (UTC). P50 and P95: from track to S3. CloudWatch, the first table, is about a minute late.`,
  ];
}

const newestText = ({ messages, of }: { messages: number; of: number }): string =>
  `${messages < of ? `the newest ${messages} of ` : ''}${counted(of, 'message')} of this hour and the one before`;

/** Never change this: a second replay would then not find the objects of the first. */
const REPLAY_NAMESPACE = '0f5bd0b2-7a4b-5c0e-9a52-6e1d9e6d2a41';
const REPLAYS = '/operator/replays/';

/**
 * Sends the rejected events of an hour again that this code accepts: those of each message as one or, if it would be too
 * large, several. A message has the time of the old one, so the events come into the same hour. Its id follows from the
 * old id and the events, so a repeat writes nothing. After another fix it holds more events under another id, and
 * readers and the Parquet objects take each event once. `left`: events that break a rule of this code too, or whose id
 * their message has stored already.
 */
export async function replayRejected(
  deps: OperatorDeps,
  { hour, noAddressesFrom }: { hour: number; noAddressesFrom: number },
  audited: () => Promise<string>,
): Promise<{ messages: number; events: number; left: number }> {
  const { objects, prefix, queues } = deps;
  const { type } = deps.settings(ANALYTICS_QUEUE);
  const replayed = { messages: 0, events: 0, left: 0 };
  for (const key of await objects.list(hourIn(rejectedPrefix(prefix), hour))) {
    const lines = rejectedLines(key, await objects.get(key));
    const [first] = lines;
    // An erasure may leave nothing. What a replay rejects is in the object of the first message too.
    if (!first || first.source.startsWith(REPLAYS)) continue;
    const time = Date.parse(first.accepted);
    const own = await objects.get(dataKey(prefix, { time, id: first.job }));
    const stored = new Set(own && linesOf(own).map((line) => keyOf(line as unknown as AnalyticsEvent)));
    const isValid = (event: unknown): event is AnalyticsEvent =>
      problemOf(event, time) === undefined &&
      (time < noAddressesFrom || addressProblem(event as AnalyticsEvent) === undefined) &&
      !stored.has(keyOf(event as AnalyticsEvent));
    const valid = lines.map(({ event }) => event).filter(isValid);
    replayed.left += lines.length - valid.length;
    for (const events of packed(valid)) {
      await audited();
      const id = v5([first.job, ...events.map((event) => event.id)].join('\n'), REPLAY_NAMESPACE);
      const body = JSON.stringify({
        specversion: '1.0',
        id,
        type: ANALYTICS_EVENTS,
        source: REPLAYS + first.job,
        time: first.accepted,
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

function rejectedLines(key: string, bytes: Uint8Array | undefined): Line[] {
  try {
    return bytes ? readLines(bytes) : [];
  } catch {
    throw new OperatorError(`${key} cannot be read. Restore it from the bucket's versions.`);
  }
}

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

import { duration } from '../../lib/duration';
import { ANALYTICS_QUEUE } from '../../lib/jobs/keys';
import { type AnalyticsFigures, analyticsReader } from '../../lib/ops/analytics';
import { knownQueue, OperatorError } from '../../lib/ops/operator';
import type { MetricPoint } from '../../lib/ports';
import { counted, timeText } from '../../lib/text';
import { chosenInstance } from '../../resources/instances/read';
import { type Command, hour, JSON_OUTPUT } from './command';
import { replayRejected } from './replay';
import { tableText } from './terminal';

const PERIOD = 600;
const WATCH_MS = 10_000;
const MOST_NAMES = 20;

export const analytics = {
  analytics: {
    usage: 'Show what analytics stored and rejected in the last hour, and events by name',
    options: {
      watch: { usage: 'Show it again every ten seconds until Ctrl-C', type: 'boolean' },
      json: JSON_OUTPUT,
    },
    run: async ({ options, out, connect }) => {
      const deps = await connect();
      knownQueue(deps, ANALYTICS_QUEUE);
      const read = analyticsReader(deps, PERIOD);
      const show = async () => {
        const figures = await read();
        if (options.json) out.json(figures);
        else out.lines(figuresLines(figures));
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
      const { noAddressesFrom } = chosenInstance(options).settings.analytics ?? {};
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

function figuresLines({ at, from, accepted, rejected, p50, p95, stored, rejections }: AnalyticsFigures): string[] {
  const times = Array.from({ length: 3_600 / PERIOD }, (_, n) => from + n * PERIOD * 1000);
  const msText = (ms: number | undefined) => (ms === undefined ? '' : duration(ms / 1000));
  const spans = times.map((time) => {
    const value = (points: readonly MetricPoint[]) => points.find(({ at }) => at === time)?.value;
    const counts = [accepted, rejected].map((points) => String(value(points) ?? 0));
    return [timeText(time), ...counts, msText(value(p50)), msText(value(p95))];
  });
  const names = stored.names.slice(0, MOST_NAMES).map(({ name, events }) => [name, String(events)]);
  const rules = rejections.rules.map(({ field, rule, events, example }) => [
    ...[field || 'the event', String(events), rule, example.value, example.job],
  ]);
  return [
    ...tableText(['FROM (UTC)', 'ACCEPTED', 'REJECTED', 'P50', 'P95'], spans),
    '',
    `Stored: ${counted(stored.bytes, 'byte')}, compressed, in ${newestText(stored)}.`,
    ...(names.length > 0 ? tableText(['NAME', 'EVENTS'], names) : []),
    '',
    `Rejected, in ${newestText(rejections)}:${rules.length === 0 ? ' none' : ''}`,
    ...(rules.length > 0 ? tableText(['FIELD', 'EVENTS', 'RULE', 'IT WAS', 'JOB'], rules) : []),
    `As of ${timeText(at)} (UTC). P50 and P95: from the API to S3. CloudWatch, the first table, is about a minute late.`,
  ];
}

const newestText = ({ messages, of }: { messages: number; of: number }): string =>
  `${messages < of ? `the newest ${messages} of ` : ''}${counted(of, 'message')} of this hour and the one before`;

import { duration } from '../../lib/duration';
import { knownQueue } from '../../lib/ops/operator';
import { type Activity, type Counted, type Overview, overview, type QueueFigures } from '../../lib/ops/overview';
import { pauseQueue, resumeQueue } from '../../lib/ops/pause';
import type { MetricPoint } from '../../lib/ports';
import { timeText } from '../../lib/text';
import { type Command, JSON_OUTPUT, type Option, QUEUE, required } from './command';
import { tableText } from './terminal';
import { vendorLines, vendors } from './vendors';

const ONE_QUEUE: Option = { ...QUEUE, required: true };

export const queues = {
  queues: {
    usage: 'Show depth, held and dead jobs, throughput, vendors and firing alarms',
    options: { json: JSON_OUTPUT },
    run: async ({ answer, connect }) => {
      const figures = await overview(await connect());
      answer(figures, overviewLines(figures));
    },
  },

  'queues pause': {
    usage: "Stop Lambda from receiving a queue's messages",
    writes: true,
    options: {
      queue: ONE_QUEUE,
      reason: { usage: 'Why, in one line. Shown by alarms and sls queues', type: 'string', required: true },
    },
    run: async ({ options, out, connect, audited, sls }) => {
      const deps = await connect();
      const queue = knownQueue(deps, required(options, 'queue'));
      const reason = required(options, 'reason');
      await audited();
      const { pause, again, resumeBefore } = await pauseQueue(deps, { queue, reason });
      const since = again ? `was paused before, since ${timeText(pause.at)} (UTC)` : 'is paused';
      out.line(`${queue} ${since}: ${pause.reason}`);
      out.line(`Lambda stops within a minute. Jobs that it has received still run.`);
      out.note(
        `Resume it before ${timeText(resumeBefore)} (UTC). By then the oldest message has waited for half of the retention, at whose end SQS deletes it.`,
      );
      out.note(`To resume: ${sls(`queues resume --queue ${queue}`)}`);
    },
  },

  'queues resume': {
    usage: "Let Lambda receive a paused queue's messages again",
    writes: true,
    options: { queue: ONE_QUEUE },
    run: async ({ options, out, connect, audited }) => {
      const deps = await connect();
      const queue = knownQueue(deps, required(options, 'queue'));
      await audited();
      const pause = await resumeQueue(deps, queue);
      if (!pause) return out.line(`${queue} was not paused. Lambda receives its messages.`);
      out.line(`${queue} is resumed. ${pause.by} had paused it at ${timeText(pause.at)} (UTC): ${pause.reason}`);
    },
  },

  ...vendors,
} satisfies Record<string, Command>;

const HEAD = 'QUEUE,VISIBLE,IN FLIGHT,OLDEST,HELD,DEAD,HOUR,FAILED,TIME,DAY,FAILED,TIME'.split(',');

/** The figures of a deployment as tables. A number with `+` is a lower bound. */
function overviewLines({ at, queues, reconciledAt, alarms, ...rest }: Overview): string[] {
  const notes = queues.flatMap(noteLines);
  return [
    ...tableText(HEAD, queues.map(queueCells)),
    ...(notes.length === 0 ? [] : ['', ...notes]),
    '',
    ...vendorLines(rest.vendors.map((one) => ({ ...one, hour: String(sumOf(one.calls)) }))),
    '',
    `Reconciler: ${reconciledAt === undefined ? 'no run is known' : `last run ended ${duration((at - reconciledAt) / 1000)} ago`}`,
    alarms.length === 0 ? 'Alarms: none is firing' : 'Alarms that are firing:',
    ...alarms.map(({ name, title, since }) => `  ${name}: ${title}, since ${timeText(since)} (UTC)`),
    `As of ${timeText(at)} (UTC). HOUR and DAY: jobs that succeeded in the last hour and day. CloudWatch is some minutes late.`,
  ];
}

function queueCells({ queue, visible, inFlight, oldestSeconds, held, dead, lastHour, lastDay }: QueueFigures) {
  const kinds = Object.values(held);
  const all = { count: kinds.reduce((sum, { count }) => sum + count, 0), more: kinds.some(({ more }) => more) };
  const oldest = oldestSeconds === undefined ? '?' : duration(oldestSeconds);
  const activity = [lastHour, lastDay].flatMap((window) => {
    const ms = meanMs(window);
    const time = ms === undefined ? '' : ms < 1_000 ? `${Math.round(ms)} ms` : duration(ms / 1000);
    return [String(sumOf(window.succeeded)), String(sumOf(window.dead)), time];
  });
  return [queue, String(visible), String(inFlight), oldest, countText(all), String(dead), ...activity];
}

function noteLines({ queue, held, pause, receives }: QueueFigures): string[] {
  const kinds = Object.entries(held).map(([kind, of]) => `${countText(of)} ${kind}`);
  const lines = kinds.length > 0 ? [`${queue} held: ${kinds.join(', ')}`] : [];
  if (pause)
    lines.push(
      `${queue} is paused since ${timeText(pause.since)} (UTC) by ${pause.by}: ${pause.reason}. Resume it before ${timeText(pause.resumeBefore)} (UTC).`,
    );
  if (pause && receives) lines.push(`${queue}: Lambda still receives. Run sls queues pause again.`);
  if (!pause && receives === false)
    lines.push(`${queue}: its event source mapping is off, and no pause says why. sls queues resume switches it on.`);
  return lines;
}

const countText = ({ count, more }: Counted): string => `${count}${more ? '+' : ''}`;

const sumOf = (points: readonly MetricPoint[]): number => points.reduce((sum, { value }) => sum + value, 0);

/** The average processing time of the window. `undefined`: there was no run. */
export function meanMs({ processingMs, runs }: Pick<Activity, 'processingMs' | 'runs'>): number | undefined {
  const counts = new Map(runs.map(({ at, value }) => [at, value]));
  const weighted = processingMs.map(({ at, value }) => ({ at, value: value * (counts.get(at) ?? 1) }));
  return runs.length === 0 ? undefined : sumOf(weighted) / sumOf(runs);
}

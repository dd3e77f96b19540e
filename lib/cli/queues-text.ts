import { duration } from '../duration';
import { type Activity, type Counted, meanMs, type Overview, type QueueFigures, sumOf } from '../ops/overview';
import { timeText } from '../text';
import { tableText } from './text';

const SUMS = ['FAILED', 'TIME'];

/** The figures of a deployment as tables. A number with `+` is a lower bound. */
export function overviewLines({ at, queues, vendors, reconciledAt, alarms }: Overview): string[] {
  const notes = queues.flatMap(noteLines);
  const ofVendors = vendors.map(({ vendor, circuit, since, code, calls, rate }) => [
    vendor,
    circuit,
    timeText(since),
    code ?? '',
    String(sumOf(calls)),
    rate ? `${rate.perSecond}/s, taken for ${duration(rate.takenMs / 1000)}` : '',
  ]);
  return [
    ...tableText(
      ['QUEUE', 'VISIBLE', 'IN FLIGHT', 'OLDEST', 'HELD', 'DEAD', 'HOUR', ...SUMS, 'DAY', ...SUMS],
      queues.map(queueCells),
    ),
    ...(notes.length === 0 ? [] : ['', ...notes]),
    '',
    ...tableText(['VENDOR', 'CIRCUIT', 'SINCE (UTC)', 'ERROR', 'CALLS/HOUR', 'RATE'], ofVendors),
    '',
    `Reconciler: ${reconciledAt === undefined ? 'no run is known' : `last run ended ${duration((at - reconciledAt) / 1000)} ago`}`,
    alarms.length === 0 ? 'Alarms: none is firing' : 'Alarms that are firing:',
    ...alarms.map(({ name, title, since }) => `  ${name}: ${title}, since ${timeText(since)} (UTC)`),
    `As of ${timeText(at)} (UTC). HOUR and DAY: jobs that succeeded in the last hour and day. CloudWatch is some minutes late.`,
  ];
}

function queueCells({
  queue,
  visible,
  inFlight,
  oldestSeconds,
  dead,
  lastHour,
  lastDay,
  ...rest
}: QueueFigures): string[] {
  const held = heldKinds(rest).map(([, counted]) => counted);
  const all = { count: held.reduce((sum, { count }) => sum + count, 0), more: held.some(({ more }) => more) };
  const oldest = oldestSeconds === undefined ? '?' : duration(oldestSeconds);
  return [
    ...[queue, String(visible), String(inFlight), oldest, countText(all), String(dead)],
    ...[lastHour, lastDay].flatMap(activityCells),
  ];
}

function activityCells(activity: Activity): string[] {
  const ms = meanMs(activity);
  const time = ms === undefined ? '' : ms < 1_000 ? `${Math.round(ms)} ms` : duration(ms / 1000);
  return [String(sumOf(activity.succeeded)), String(sumOf(activity.dead)), time];
}

/** What an operator must know about a queue beyond its numbers. */
function noteLines({ queue, held, pause, receives }: QueueFigures): string[] {
  const kinds = heldKinds({ held });
  const off = receives === false && !pause;
  return [
    ...(kinds.length > 0 ? [`${queue} held: ${kinds.map(([kind, of]) => `${countText(of)} ${kind}`).join(', ')}`] : []),
    ...(pause
      ? [
          `${queue} is paused since ${timeText(pause.since)} (UTC) by ${pause.by}: ${pause.reason}. Resume it before ${timeText(pause.resumeBefore)} (UTC).`,
        ]
      : []),
    ...(pause && receives ? [`${queue}: Lambda still receives. Run sls queues pause again.`] : []),
    ...(off
      ? [`${queue}: its event source mapping is off, and no pause says why. sls queues resume switches it on.`]
      : []),
  ];
}

/** Held jobs by what they wait for. */
const heldKinds = ({ held: { timed, stopped, paused, unknown } }: Pick<QueueFigures, 'held'>): [string, Counted][] =>
  Object.entries({
    'until a time': timed,
    ...Object.fromEntries(Object.entries(stopped).map(([vendor, counted]) => [`stopped ${vendor}`, counted])),
    'campaign paused': paused,
    'unknown step': unknown,
  }).filter(([, { count }]) => count > 0);

const countText = ({ count, more }: Counted): string => `${count}${more ? '+' : ''}`;

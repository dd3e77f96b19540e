import {
  type Activity,
  type Counted,
  type Held,
  meanMs,
  type Overview,
  type QueueFigures,
  sumOf,
  type VendorFigures,
} from '../ops/overview';
import { timeText } from '../text';
import { tableText } from './text';

/** The figures of a deployment as tables. A number with `+` is a lower bound. */
export function overviewLines({ at, queues, vendors, reconciledAt, alarms }: Overview): string[] {
  const head = [
    'QUEUE',
    'VISIBLE',
    'IN FLIGHT',
    'OLDEST',
    'HELD',
    'DEAD',
    'HOUR',
    'FAILED',
    'TIME',
    'DAY',
    'FAILED',
    'TIME',
  ];
  return [
    ...tableText(head, queues.map(queueCells)),
    ...section('', queues.flatMap(noteLines)),
    ...section(
      '',
      tableText(['VENDOR', 'CIRCUIT', 'SINCE (UTC)', 'ERROR', 'CALLS/HOUR', 'RATE'], vendors.map(vendorCells)),
    ),
    '',
    `Reconciler: ${reconciledAt === undefined ? 'no run is known' : `last run ended ${secondsText((at - reconciledAt) / 1000)} ago`}`,
    ...(alarms.length === 0
      ? ['Alarms: none is firing']
      : [
          'Alarms that are firing:',
          ...alarms.map(({ name, title, since }) => `  ${name}: ${title}, since ${timeText(since)} (UTC)`),
        ]),
    `As of ${timeText(at)} (UTC). HOUR and DAY: jobs that succeeded in the last hour and day. CloudWatch is some minutes late.`,
  ];
}

const queueCells = ({
  queue,
  visible,
  inFlight,
  oldestSeconds,
  held,
  dead,
  lastHour,
  lastDay,
}: QueueFigures): string[] => [
  queue,
  String(visible),
  String(inFlight),
  oldestSeconds === undefined ? '?' : secondsText(oldestSeconds),
  totalText(held),
  String(dead),
  ...activityCells(lastHour),
  ...activityCells(lastDay),
];

function activityCells(activity: Activity): string[] {
  const ms = meanMs(activity);
  const time = ms === undefined ? '' : ms < 1_000 ? `${Math.round(ms)} ms` : secondsText(ms / 1000);
  return [String(sumOf(activity.succeeded)), String(sumOf(activity.dead)), time];
}

/** What an operator must know about a queue beyond its numbers. */
function noteLines({ queue, held, pause, receives }: QueueFigures): string[] {
  const reasons = heldReasons(held);
  return [
    ...(reasons.length === 0 ? [] : [`${queue} held: ${reasons.join(', ')}`]),
    ...(pause
      ? [
          `${queue} is paused since ${timeText(pause.since)} (UTC) by ${pause.by}: ${pause.reason}. Resume it before ${timeText(pause.resumeBefore)} (UTC).`,
        ]
      : []),
    ...(pause && receives ? [`${queue}: Lambda still receives. Run sls queues pause again.`] : []),
    ...(!pause && receives === false
      ? [`${queue}: its event source mapping is off, and no pause says why. sls queues resume switches it on.`]
      : []),
  ];
}

const heldReasons = ({ timed, stopped, paused, unknown }: Held): string[] =>
  [
    ['until a time', timed] as const,
    ...Object.entries(stopped).map(([vendor, counted]) => [`stopped ${vendor}`, counted] as const),
    ['campaign paused', paused] as const,
    ['unknown step', unknown] as const,
  ].flatMap(([name, counted]) => (counted.count === 0 ? [] : [`${countText(counted)} ${name}`]));

function totalText({ timed, stopped, paused, unknown }: Held): string {
  const parts = [timed, paused, unknown, ...Object.values(stopped)];
  return countText({
    count: parts.reduce((sum, { count }) => sum + count, 0),
    more: parts.some(({ more }) => more),
  });
}

const countText = ({ count, more }: Counted): string => `${count}${more ? '+' : ''}`;

const vendorCells = ({ vendor, circuit, since, code, calls, rate }: VendorFigures): string[] => [
  vendor,
  circuit,
  timeText(since),
  code ?? '',
  String(sumOf(calls)),
  rate ? `${rate.perSecond}/s, taken for ${secondsText(rate.takenMs / 1000)}` : '',
];

const section = (title: string, lines: string[]): string[] => (lines.length === 0 ? [] : [title, ...lines]);

/** `45 s`, `12 min`, `3.5 h`, `2.1 d`. */
function secondsText(seconds: number): string {
  const [size, unit] = (
    [
      [86_400, 'd'],
      [3_600, 'h'],
      [60, 'min'],
    ] as const
  ).find(([least]) => seconds >= least) ?? [1, 's'];
  return `${Math.round((seconds / size) * 10) / 10} ${unit}`;
}

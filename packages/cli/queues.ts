import { type Deployment, knownQueue, OperatorError } from '../../lib/operate/ops/operator';
import {
  type Overview,
  overview,
  type QueueFigures,
  type VendorState,
  vendorStates,
} from '../../lib/operate/ops/overview';
import { limitVendor, pauseQueue, resumeQueue, trialText, tryVendor } from '../../lib/operate/ops/pause';
import { duration } from '../../lib/platform/duration';
import type { Vendor } from '../../lib/platform/errors';
import type { MetricPoint } from '../../lib/platform/ports';
import { isoTimes, timeText } from '../../lib/platform/text';
import { emailsEnv } from '../../lib/queues/emails/config';
import { vendorsOf } from '../../lib/queues/queues';
import { type Command, type CommandContext, END, end, JSON_OUTPUT, oneOf, QUEUE, required } from './command';
import { tableText } from './terminal';

const ONE_QUEUE = { ...QUEUE, required: true };
const VENDOR = { usage: 'Vendor, as sls vendors lists them', type: 'string', required: true } as const;
const REASON = { usage: 'Why, in one line. Shown to everyone who looks', type: 'string', required: true } as const;
const RATE = { usage: 'Recipients per second', type: 'string', required: true } as const;

export const queues = {
  queues: {
    usage: 'Show depth, held and dead jobs, throughput, vendors and firing alarms',
    options: { json: JSON_OUTPUT },
    run: async ({ answer, connect }) => {
      const figures = await overview(await connect());
      answer(isoTimes(figures), overviewLines(figures));
    },
  },

  'queues pause': {
    usage: "Stop Lambda from receiving a queue's messages",
    writes: true,
    options: { queue: ONE_QUEUE, reason: REASON },
    run: async ({ options, out, connect, audited, sls }) => {
      const deps = await connect();
      const queue = knownQueue(deps, required(options, 'queue'));
      const reason = required(options, 'reason');
      await audited();
      const { pause, resumeBefore } = await pauseQueue(deps, { queue, reason });
      out.line(pauseLine(queue, { ...pause, since: pause.at, resumeBefore }));
      out.line('Lambda stops within a minute. Jobs that it has received still run.');
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

  vendors: {
    usage: "Show each vendor's circuit and rate, and what operators have set",
    options: { json: JSON_OUTPUT },
    run: async ({ answer, connect }) => {
      const states = await vendorStates(await connect());
      answer(isoTimes({ vendors: states }), vendorLines(states));
    },
  },

  'vendors pause': {
    usage: 'Stop all calls to a vendor. Its jobs are held until the end',
    writes: true,
    options: { vendor: VENDOR, reason: REASON, ...END },
    run: limit,
  },

  'vendors rate': {
    usage: 'Set the rate of mails, in place of the setting',
    writes: true,
    options: { vendor: VENDOR, to: RATE, reason: REASON, ...END },
    run: (context) => {
      const { success, data } = emailsEnv.shape.EMAIL_RATE.safeParse(required(context.options, 'to'));
      if (!success) throw new OperatorError('--to must be a number above 0 and at most 10000.');
      return limit(context, data);
    },
  },

  'vendors try': {
    usage: "Make the trial call of a vendor's open circuit now",
    writes: true,
    options: { vendor: VENDOR },
    run: async ({ options, out, connect, audited }) => {
      const deps = await connect();
      out.line(await tryVendor(deps, oneOf(options, 'vendor', vendorsOf(deps.queueNames)), audited));
    },
  },

  'vendors resume': {
    usage: "End a vendor's pause and its rate. The settings apply again",
    writes: true,
    options: { vendor: VENDOR },
    run: async ({ options, out, connect, audited, sls }) => {
      const deps = await connect();
      const vendor = oneOf(options, 'vendor', vendorsOf(deps.queueNames));
      const before = await limitsOf(deps, vendor);
      await audited();
      await deps.circuits.limit(vendor, { paused: undefined, rate: undefined });
      const none = `No operator has paused ${vendor} or set its rate.`;
      out.lines(before.length > 0 ? before.map((line) => `Ended: ${line}`) : [none]);
      const trial = trialText(await deps.circuits.read(vendor), deps.clock.now());
      if (trial) out.note(`Its circuit is open. ${trial} To make it now: ${sls(`vendors try ${vendor}`)}`);
    },
  },
} satisfies Record<string, Command>;

const HEAD = ['QUEUE', 'VISIBLE', 'IN FLIGHT', 'OLDEST', 'HELD', 'DEAD', 'HOUR', 'FAILED', 'DAY', 'FAILED'];

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
  const ended = [lastHour.succeeded, lastHour.dead, lastDay.succeeded, lastDay.dead].map((of) => String(sumOf(of)));
  return [queue, String(visible), String(inFlight), oldest, countText(all), String(dead), ...ended];
}

function noteLines({ queue, held, leaving, pause, receives }: QueueFigures): string[] {
  const kinds = Object.values(held).map((of) => `${countText(of)} ${of.what}`);
  const lines = kinds.length > 0 ? [`${queue} held: ${kinds.join(', ')}`] : [];
  if (leaving > 0)
    lines.push(`${queue} DLQ: ${leaving} entries of jobs that are not dead are still to be removed or returned`);
  if (pause) lines.push(pauseLine(queue, pause));
  if (pause && receives) lines.push(`${queue}: Lambda still receives. Run sls queues pause again.`);
  if (!pause && receives === false)
    lines.push(`${queue}: its event source mapping is off, and no pause says why. sls queues resume switches it on.`);
  return lines;
}

const pauseLine = (queue: string, { since, by, reason, resumeBefore }: NonNullable<QueueFigures['pause']>): string =>
  `${queue} is paused since ${timeText(since)} (UTC) by ${by}: ${reason}. Resume it before ${timeText(resumeBefore)} (UTC).`;

const countText = ({ count, more }: { count: number; more: boolean }): string => `${count}${more ? '+' : ''}`;

const sumOf = (points: readonly MetricPoint[]): number => points.reduce((sum, { value }) => sum + value, 0);

async function limit({ options, out, connect, audited, sls }: CommandContext, perSecond?: number): Promise<void> {
  const deps = await connect();
  const vendor = oneOf(options, 'vendor', vendorsOf(deps.queueNames));
  if (perSecond !== undefined && vendor !== 'sendgrid')
    throw new OperatorError(`We pace only sendgrid, not ${vendor}.`);
  const until = end(options, deps.clock.now());
  await audited();
  await limitVendor(deps, { vendor, perSecond, until, reason: required(options, 'reason') });
  out.lines(await limitsOf(deps, vendor));
  out.note(`Workers obey within seconds. To end it: ${sls(`vendors resume ${vendor}`)}`);
}

const limitsOf = async (deps: Deployment, vendor: Vendor): Promise<string[]> =>
  (await vendorStates(deps)).flatMap((state) => (state.vendor === vendor ? state.limits : []));

/** A table of vendors, and below it what operators have set. `hour`: calls in the last hour. */
const vendorLines = (states: readonly (VendorState & { hour?: string })[]): string[] => [
  ...tableText(
    ['VENDOR', 'CIRCUIT', 'SINCE (UTC)', 'ERROR', 'CALLS/HOUR', 'RATE'],
    states.map(({ vendor, circuit, since, code = '', rate, hour = '' }) => [
      ...[vendor, circuit, timeText(since), code, hour],
      rate ? `${rate.perSecond}/s, taken for ${duration(rate.takenMs / 1000)}` : '',
    ]),
  ),
  ...states.flatMap(({ vendor, trial, limits }) => [...(trial ? [`${vendor}: ${trial}`] : []), ...limits]),
];

import { gunzipSync } from 'node:zlib';
import type { SQSEvent } from 'aws-lambda';
import type { Objects } from '../../lib/platform/ports';
import { GZIP } from '../../lib/queues/analytics/process';
import { batches, groups, linesOf, packedMessages, singleMessages } from './analytics-events';
import { countingObjects, engineWorker, limit, objectPerEvent, onPowertools } from './analytics-workers';
import { printedBy } from './process';
import { type Handler, handleAll } from './rivals';
import { inTurns, median, type Size, sumOf, tableOf, timed } from './table';

const SIZES = {
  full: { runs: 7, events: 25_000, inMemory: 1_000_000 },
  small: { runs: 1, events: 500, inMemory: 2_000 },
};
const MILLION = 1_000_000;
/** SQS bills each 64 KB of a request. */
const STEP_BYTES = 64 * 1024;
const MIB = 1024 * 1024;

const LIMIT = "(a) limit: parse and gzip, zlib's level";
const LIMIT_AT_LEVEL = '(a) at the level of this worker';

/** Compares the worker with its theoretical limit, an object per event and Powertools: speed, CPU, requests, memory. */
export async function analyticsCost(size: Size): Promise<string> {
  const { runs, events, inMemory } = SIZES[size];
  const packed = [...batches(packedMessages(events))];
  const single = [...batches(singleMessages(events))];
  // The limit compresses the lines that this worker writes.
  const records = packed.flatMap(({ Records }) => Records);
  const lines = new Map(records.map(({ messageId, body }) => [messageId, gunzipSync(linesOf(body))]));
  const rivals = {
    'this worker': rival(packed, engineWorker),
    '… with analytics.noAddressesFrom': rival(packed, (objects) => engineWorker(objects, 0)),
    [LIMIT]: rival(packed, (objects) => limit(objects, lines)),
    // With zlib's own size of memory: ours is part of this worker.
    [LIMIT_AT_LEVEL]: rival(packed, (objects) => limit(objects, lines, { level: GZIP.level })),
    '(b) a message and object per event': rival(single, objectPerEvent),
    '(c) Powertools FIFO': rival(packed, onPowertools),
  };
  type Name = keyof typeof rivals;
  const measured = await inTurns(rivals, measure, { rounds: runs });

  const of = (name: Name, what: 'ms' | 'cpuMs' | 'puts' | 'bytes') => median(measured[name].map((one) => one[what]));
  const whole = (value: number) => Math.round(value).toLocaleString('en');
  const perMillion = (value: number) => whole((value * MILLION) / events);
  const requests = (name: Name) => sqsRequests(rivals[name].input, name.startsWith('(b)'));
  // CPU time, because other processes on the machine slow the rivals down by different amounts.
  const share = (name: Name, limit: Name) => `${Math.round((100 * of(limit, 'cpuMs')) / of(name, 'cpuMs'))} %`;
  return [
    `Analytics: median of ${runs} runs of ${events.toLocaleString('en')} events (350 bytes each), requests and bytes per million events.`,
    tableOf(
      Object.keys(rivals) as Name[],
      ['worker', (name) => name],
      ['events/s', (name) => whole((1_000 * events) / of(name, 'ms'))],
      ['CPU µs/event', (name) => ((1_000 * of(name, 'cpuMs')) / events).toFixed(2)],
      ['of (a)', (name) => share(name, LIMIT)],
      ['… same level', (name) => share(name, LIMIT_AT_LEVEL)],
      ['SQS calls', (name) => perMillion(requests(name).calls)],
      ['SQS billed', (name) => perMillion(requests(name).billed)],
      ['S3 PUTs', (name) => perMillion(of(name, 'puts'))],
      ['S3 bytes', (name) => `${(of(name, 'bytes') / events).toFixed(0)} MB`],
    ),
    // In a process of its own, whose heap is limited as in a function of 512 MB.
    await printedBy(['--max-old-space-size=384', '--import', 'tsx', 'tests/bench/analytics-memory.ts', `${inMemory}`]),
  ].join('\n');
}

function rival(input: SQSEvent[], make: (objects: Objects) => Handler) {
  const { objects, counted } = countingObjects();
  return { input, counted, handler: make(objects) };
}

async function measure({ input, counted, handler }: ReturnType<typeof rival>) {
  Object.assign(counted, { puts: 0, bytes: 0 });
  const took = await timed(() => handleAll(handler, input));
  return { ...took, ...counted };
}

/** Counts sends, receives and deletes. `oneByOne`: each message is a separate send, as in an API for single events. */
function sqsRequests(input: SQSEvent[], oneByOne: boolean): { calls: number; billed: number } {
  const receives = input.map(({ Records }) => Records.map(({ body }) => body.length));
  // A batch of sends has at most 1 MiB.
  const sends = [...groups(receives.flat(), (size) => (oneByOne ? MIB : size), MIB)];
  const requests = [...sends, ...receives];
  const steps = requests.reduce((all, sizes) => all + Math.ceil(sumOf(sizes) / STEP_BYTES), 0);
  return { calls: requests.length + input.length, billed: steps + input.length };
}

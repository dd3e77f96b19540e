import { gunzipSync } from 'node:zlib';
import type { SQSEvent } from 'aws-lambda';
import { GZIP } from '../../lib/analytics/process';
import { batches, packedMessages, singleMessages } from './analytics-events';
import { countingObjects, engineWorker, limit, objectPerEvent, onPowertools } from './analytics-workers';
import { printedBy } from './process';
import type { Handler } from './rivals';
import { median, type Size, table, timed } from './table';

const SIZES = {
  full: { runs: 7, events: 25_000, inMemory: 1_000_000 },
  small: { runs: 1, events: 500, inMemory: 2_000 },
};
const MILLION = 1_000_000;
/** SQS bills each 64 KB of a request. */
const STEP_BYTES = 64 * 1024;

const LIMIT = "(a) limit: parse and gzip, zlib's level";
const LIMIT_AT_LEVEL = '(a) at the level of this worker';

interface Measured {
  seconds: number[];
  cpuMicros: number[];
  puts: number;
  bytes: number;
}

interface Rival {
  input: SQSEvent[];
  handler: Handler;
  objects: ReturnType<typeof countingObjects>;
}

/** Compares the worker with its theoretical limit, an object per event and Powertools: speed, CPU, requests, memory. */
export async function analyticsCost(size: Size): Promise<string> {
  const { runs, events, inMemory } = SIZES[size];
  const packed = [...batches(packedMessages(events))];
  const single = [...batches(singleMessages(events))];
  const lines = await linesOfMessages(packed);
  const linesOf = (id: string) => lines.get(id) ?? Buffer.alloc(0);
  const rivals = {
    'this worker': rival(packed, engineWorker),
    '… with analytics.noAddressesFrom': rival(packed, (objects) => engineWorker(objects, 0)),
    [LIMIT]: rival(packed, (objects) => limit(objects, linesOf)),
    // With zlib's own size of memory: ours is part of this worker.
    [LIMIT_AT_LEVEL]: rival(packed, (objects) => limit(objects, linesOf, { level: GZIP.level })),
    '(b) a message and object per event': rival(single, objectPerEvent),
    '(c) Powertools FIFO': rival(packed, onPowertools),
  } satisfies Record<string, Rival>;

  const measured = Object.fromEntries(Object.keys(rivals).map((name) => [name, fresh()]));
  for (let run = 0; run <= runs; run++)
    for (const [name, each] of Object.entries(rivals)) await measure(each, measured[name] ?? fresh(), run > 0);

  const perSecond = (name: string) => events / median(measured[name]?.seconds ?? []);
  const perEvent = (name: string) => median(measured[name]?.cpuMicros ?? []) / events;
  // CPU time, because other processes on the machine slow the rivals down by different amounts.
  const share = (name: string, limit: string) => `${Math.round((100 * perEvent(limit)) / perEvent(name))} %`;
  const rows = Object.entries(rivals).map(([name, { input }]) => {
    const { puts, bytes } = measured[name] ?? fresh();
    const requests = sqsRequests(input, name.startsWith('(b)'));
    const scaled = (value: number) => Math.round((value * MILLION) / events).toLocaleString('en');
    return [
      name,
      Math.round(perSecond(name)).toLocaleString('en'),
      perEvent(name).toFixed(2),
      share(name, LIMIT),
      share(name, LIMIT_AT_LEVEL),
      scaled(requests.calls),
      scaled(requests.billed),
      scaled(puts),
      `${((bytes * MILLION) / events / 1e6).toFixed(0)} MB`,
    ];
  });
  return [
    `Analytics: median of ${runs} runs of ${events.toLocaleString('en')} events (350 bytes each), requests and bytes per million events.`,
    table(
      [
        ...['worker', 'events/s', 'CPU µs/event', 'of (a)', '… same level'],
        ...['SQS calls', 'SQS billed', 'S3 PUTs', 'S3 bytes'],
      ],
      rows,
    ),
    // In a process of its own, whose heap is limited as in a function of 512 MB.
    await printedBy([
      ...['--max-old-space-size=384', '--import', 'tsx'],
      ...['tests/bench/analytics-memory.ts', String(inMemory)],
    ]),
  ].join('\n');
}

const fresh = (): Measured => ({ seconds: [], cpuMicros: [], puts: 0, bytes: 0 });

function rival(input: SQSEvent[], make: (objects: Rival['objects']) => Handler): Rival {
  const objects = countingObjects();
  return { input, objects, handler: make(objects) };
}

async function measure({ input, handler, objects }: Rival, into: Measured, counts: boolean): Promise<void> {
  Object.assign(objects, { puts: 0, bytes: 0 });
  const { ms, cpuMs } = await timed(async () => {
    for (const event of input) {
      const { batchItemFailures } = await handler(event);
      if (batchItemFailures.length > 0) throw new Error('a message failed');
    }
  });
  if (!counts) return;
  into.seconds.push(ms / 1_000);
  into.cpuMicros.push(cpuMs * 1_000);
  into.puts = objects.puts;
  into.bytes = objects.bytes;
}

/** The lines that this worker writes for each message. The limit compresses the same lines. */
async function linesOfMessages(input: SQSEvent[]): Promise<Map<string, Uint8Array>> {
  const lines = new Map<string, Uint8Array>();
  const objects = countingObjects();
  objects.create = async (key, body) => {
    const id = key.slice(key.lastIndexOf('/') + 1).replace('.ndjson.gz', '');
    lines.set(id, gunzipSync(body as Uint8Array));
    return 'created';
  };
  for (const event of input) await engineWorker(objects)(event);
  return lines;
}

/** Counts sends, receives and deletes. `oneByOne`: each message is a separate send, as in an API for single events. */
function sqsRequests(input: SQSEvent[], oneByOne: boolean): { calls: number; billed: number } {
  const sizes = input.flatMap(({ Records }) => Records.map(({ body }) => body.length));
  const sends = oneByOne ? sizes : groupedBy(sizes);
  const receives = input.map(({ Records }) => Records.reduce((sum, { body }) => sum + body.length, 0));
  const steps = (bytes: number[]) => bytes.reduce((sum, size) => sum + Math.ceil(size / STEP_BYTES), 0);
  return {
    calls: sends.length + receives.length + input.length,
    billed: steps(sends) + steps(receives) + input.length,
  };
}

/** Sizes in bytes of batches of at most ten messages and 1 MiB. */
function groupedBy(sizes: number[]): number[] {
  const sums: number[] = [];
  let [sum, count] = [0, 0];
  for (const size of sizes) {
    if (count === 10 || (count > 0 && sum + size > 1024 * 1024)) {
      sums.push(sum);
      [sum, count] = [0, 0];
    }
    sum += size;
    count++;
  }
  return count > 0 ? [...sums, sum] : sums;
}

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { queueUrl } from '../../lib/engine/jobs/keys';
import { createLedger } from '../../lib/engine/jobs/ledger';
import { realClock, realRandom } from '../../lib/platform/aws/system';
import { throughAll } from '../../lib/platform/concurrency';
import type { Table } from '../../lib/platform/ports';
import { localPorts } from '../../packages/local/connection';
import { ACCOUNT, REGION } from '../../packages/local/loopback';
import { clientOf, createProducer } from '../../packages/producer/client';
import { createTracker, packingLimits } from '../../packages/producer/tracker';
import { createChance } from '../simulation/world/chance';
import { installProducer, PRODUCER } from '../support/installed-producer';
import { memoryProducerDeps } from '../support/producer';
import { appEvent } from './analytics-events';
import { inTurns, median, quantile, type Size, sumOf, table, tableOf, timed } from './table';

/** Each run has rounds of `round` sends. `warmUp`: rounds that count for nothing, because the code is still being compiled. */
const SIZES = {
  full: { runs: 5, rounds: 10, round: 20, warmUp: 50, events: 100_000 },
  small: { runs: 1, rounds: 2, round: 10, warmUp: 0, events: 1_000 },
};
type Sizes = (typeof SIZES)[Size];
const AT_ONCE = 32;
const SOURCE = '/my/api';
const data = {
  user: { email: 'user@example.com' },
  subject: 'The export is empty',
  message: 'It was not. '.repeat(40),
};

/**
 * Sends to our model of SQS and to dynalite, which run in another process. The ways to send take turns, so that a busy
 * machine slows all of them.
 */
export async function producerCost(size: Size): Promise<string> {
  const sizes = SIZES[size];
  const aws = spawn(process.execPath, ['--import', 'tsx', 'tests/bench/producer-aws.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(aws.stdout, 'data')) as [Buffer];
    const urls = JSON.parse(line.toString()) as Record<'sqs' | 'dynamodb' | 's3' | 'table', string>;
    const ports = localPorts(urls, { ...urls, bucket: '' });
    return [await sending(ports, sizes), '', await tracking(ports, sizes), '', await loading()].join('\n');
  } finally {
    aws.kill();
  }
}

type Ports = ReturnType<typeof localPorts>;

async function sending({ clients, queues, table: stored }: Ports, sizes: Sizes): Promise<string> {
  const { runs, rounds, round, warmUp } = sizes;
  const sends = runs * rounds * round;
  const QueueUrl = queueUrl(REGION, ACCOUNT, 'my-feedback.fifo');
  const body = await bodyOf();
  let number = 0;
  const raw = async () => {
    const identity = { MessageGroupId: 'g', MessageDeduplicationId: `raw-${++number}` };
    await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, ...identity }));
  };
  const feedback = (rows: Table, marksAfterAnswer = false) => {
    const options = { analytics: packingLimits.parse({}), clock: realClock, marksAfterAnswer };
    const producer = clientOf(async () => depsOf(queues, 'my-feedback.fifo', rows), options);
    return async () => void (await producer.feedback(data));
  };
  const RAW = 'SendMessage of the AWS SDK';
  const ways = {
    [RAW]: raw,
    'producer, no row': feedback(withoutRows),
    'producer, mark after the answer': feedback(stored, true),
    'producer, mark before the answer': feedback(stored),
  };
  type Way = keyof typeof ways;
  const measured = await inTurns(ways, (way) => measure(way, round), { rounds: runs * rounds, warmUp });
  const rates = await inTurns(ways, (way) => perSecond(way, sends), { rounds: 1, warmUp: 0 });
  const msOf = (name: Way, run?: number) =>
    measured[name]
      .slice((run ?? 0) * rounds, run === undefined ? undefined : (run + 1) * rounds)
      .flatMap(({ ms }) => ms);
  const cpuOf = (name: Way) => sumOf(measured[name].map(({ cpuMs }) => cpuMs)) / sends;
  const timesRaw = (name: Way) =>
    median(Array.from({ length: runs }, (_, run) => median(msOf(name, run)) / median(msOf(RAW, run))));
  return [
    `Sending ${sends} feedback jobs of ${Buffer.byteLength(body)} bytes one after another, and ${AT_ONCE} at a time`,
    tableOf(
      Object.keys(ways) as Way[],
      ['', (name) => name],
      ['p50 ms', (name) => median(msOf(name)).toFixed(2)],
      [`× raw, median of ${runs}`, (name) => timesRaw(name).toFixed(2)],
      ['p99 ms', (name) => quantile(msOf(name), 0.99).toFixed(2)],
      ['CPU ms a send', (name) => cpuOf(name).toFixed(2)],
      [`sends/s, ${AT_ONCE} at a time`, (name) => Math.round(median(rates[name]))],
    ),
  ].join('\n');
}

async function measure(way: () => Promise<void>, times: number) {
  const ms: number[] = [];
  const { cpuMs } = await timed(async () => {
    for (let n = 0; n < times; n++) {
      const from = performance.now();
      await way();
      ms.push(performance.now() - from);
    }
  });
  return { ms, cpuMs };
}

async function perSecond(way: () => Promise<void>, sends: number): Promise<number> {
  const { ms } = await timed(() => throughAll(Array.from({ length: sends }), way, AT_ONCE));
  return (sends / ms) * 1_000;
}

const withoutRows = { put: async () => 'written' } as unknown as Table;

function depsOf(queues: Ports['queues'], queue: string, table: Table) {
  const ports = { ...memoryProducerDeps().deps, table, clock: realClock, random: realRandom, source: SOURCE };
  const url = queueUrl(REGION, ACCOUNT, queue);
  return { ...ports, ledger: createLedger(ports), queues, queueUrl: () => url };
}

async function bodyOf(): Promise<string> {
  const { deps, messages } = memoryProducerDeps();
  await createProducer({ ...deps, source: SOURCE }).feedback(data);
  return messages()[0]?.body ?? '';
}

async function tracking({ queues }: Ports, { events: count }: Sizes): Promise<string> {
  const tracker = createTracker(depsOf(queues, 'my-analytics.fifo', withoutRows));
  const next = createChance(7).fraction;
  const events = Array.from({ length: count }, (_, n) => appEvent(n, next, Date.now() - count * 10));
  const { ms, cpuMs } = await timed(async () => {
    for (const event of events) await tracker.track(event);
    await tracker.close({ timeoutMs: 20_000 });
  });
  return `Tracking ${count} analytics events: ${Math.round((1_000 * count) / ms)} events/s, ${((1_000 * cpuMs) / count).toFixed(1)} µs of CPU each`;
}

const SIZE_OF_LOADED =
  "const bytes = Object.keys(require.cache).reduce((sum, file) => sum + require('fs').statSync(file).size, 0)";
const CLIENTS = ['@aws-sdk/client-sqs', '@aws-sdk/client-dynamodb', '@aws-sdk/util-dynamodb'];

async function loading(): Promise<string> {
  const consumer = await installProducer();
  try {
    const printed = (program: string): number =>
      Number(spawnSync(process.execPath, ['-e', program], { cwd: consumer.folder, encoding: 'utf8' }).stdout);
    const milliseconds = (code: string): string => {
      const program = `const from = performance.now(); ${code}; console.log(performance.now() - from);`;
      return median(Array.from({ length: 5 }, () => printed(program))).toFixed(0);
    };
    const loaded = (code: string): number =>
      printed(`${code}; ${SIZE_OF_LOADED}; console.log(Math.round(bytes / 1_000));`);
    const required = (names: string[]) => names.map((name) => `require('${name}')`).join(';');
    const home = join(consumer.folder, 'node_modules', PRODUCER);
    const rows = [
      ['the package', kilobytes(home), milliseconds(required([PRODUCER]))],
      ['the AWS clients that its first call loads', loaded(required(CLIENTS)), milliseconds(required(CLIENTS))],
      ['both', '', milliseconds(required([PRODUCER, ...CLIENTS]))],
    ];
    return [
      'Size of the package on disk and of the files that the clients load, and time to require',
      table(['', 'kB', 'ms'], rows),
    ].join('\n');
  } finally {
    consumer.remove();
  }
}

function kilobytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(folder, name)));
  return Math.round(sumOf(files.map((file) => (file.isFile() ? file.size : 0))) / 1_000);
}

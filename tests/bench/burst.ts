import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { clientDefaults } from '../../lib/platform/aws/clients';
import { throughAll } from '../../lib/platform/concurrency';
import { codeOf } from '../../lib/platform/errors';
import { listen } from '../../packages/local/loopback';
import { realProducer } from '../../packages/producer/real-producer';
import { inTurns, median, type Size, tableOf, timed } from './table';

const LANES = 50;
const region = 'eu-central-1';
const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
const hashKey = 'a hash key of at least thirty-two characters';
const queues = { feedback: { type: 'fifo' as const, retention: 345_600 } };
const settings = {
  account: '000000000000',
  bucket: 'a-bucket',
  prefix: 'jobs',
  table: 'jobs',
  emailRate: 1,
  hashKey,
  queues,
};
const data = {
  user: { email: 'user@example.com' },
  subject: 'The export is empty',
  message: 'It was not. '.repeat(40),
};

const WAYS = ['SDK, one call', 'producer', 'producer, 50 lanes'] as const;
type Way = (typeof WAYS)[number];
const LANES_MS = 10_000;

/**
 * Sends many jobs with keys at the same moment, while SQS and the table answer after 8 or 100 ms. The ways take turns.
 * The lanes take no new job after ten seconds, at which those that wait are refused.
 */
export async function burst(size: Size): Promise<string> {
  const counts = size === 'full' ? [1_000, 2_000, 10_000] : [100];
  const rows: (Awaited<ReturnType<typeof measure>> & { ratio: string })[] = [];
  for (const ms of [8, 100])
    for (const count of counts) {
      const ways = Object.fromEntries(WAYS.map((way) => [way, way])) as Record<Way, Way>;
      const rounds = size === 'full' ? 3 : 1;
      const measured = await inTurns(ways, (way) => measure(way, count, ms), { rounds, warmUp: 0 });
      const rate = (way: Way, round: number) => measured[way][round]?.perSecond ?? 0;
      for (const way of WAYS) {
        const ratios = measured[way].map((_, round) => rate(way, round) / rate('producer, 50 lanes', round));
        const [last] = measured[way].slice(-1);
        if (last) rows.push({ ...last, ratio: way === 'SDK, one call' ? '' : median(ratios).toFixed(2) });
      }
    }
  return tableOf(
    rows,
    ['answers in ms', ({ ms }) => ms],
    ['at once', ({ count }) => count],
    ['way', ({ way }) => way],
    ['accepted', ({ accepted }) => accepted],
    ['refused', ({ refused }) => refused],
    ['s', ({ seconds }) => seconds.toFixed(1)],
    ['accepted/s', ({ perSecond }) => Math.round(perSecond)],
    ['× 50 lanes, median', ({ ratio }) => ratio],
    ['CPU s', ({ cpu }) => cpu.toFixed(1)],
    ['MB more', ({ megabytes }) => megabytes],
  );
}

async function measure(way: Way, count: number, ms: number) {
  const server = spawn(process.execPath, ['--import', 'tsx', __filename, String(ms)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const endpoint = line.toString().trim();
  const endpoints = { sqs: endpoint, dynamodb: endpoint };
  const producer = realProducer({ instance: 'my-api', region, settings, endpoints, credentials });
  const sqs = new SQSClient({ ...clientDefaults, region, endpoint, credentials, useQueueUrlAsEndpoint: false });
  const codes: Record<string, number> = {};
  let accepted = 0;
  const one = async (n: number) => {
    const command = { QueueUrl: `${endpoint}/q.fifo`, MessageBody: 'x'.repeat(900), MessageGroupId: `${n}` };
    const sent =
      way === 'SDK, one call'
        ? sqs.send(new SendMessageCommand(command))
        : producer.feedback(data, { key: `${n}`, principal: 'p' });
    await sent.then(
      () => accepted++,
      (error: Error) => {
        const code = way === 'SDK, one call' ? error.name : codeOf(error);
        codes[code] = (codes[code] ?? 0) + 1;
      },
    );
  };
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
  const until = way === 'producer, 50 lanes' ? performance.now() + LANES_MS : Number.POSITIVE_INFINITY;
  function* numbers() {
    for (let n = 0; n < count && performance.now() < until; n++) yield n;
  }
  const { ms: took, cpuMs } = await timed(() =>
    throughAll(numbers(), one, way === 'producer, 50 lanes' ? LANES : count),
  );
  clearInterval(watch);
  await producer.close();
  sqs.destroy();
  server.kill();
  const refused = Object.entries(codes)
    .map(([code, times]) => `${times} ${code}`)
    .join(', ');
  const seconds = took / 1_000;
  const megabytes = Math.round((most - before) / 1_000_000);
  const figures = { seconds, perSecond: accepted / seconds, cpu: cpuMs / 1_000, megabytes };
  return { ms, count, way, accepted, refused: refused || '0', ...figures };
}

/** SQS and the table in a process of their own. They take everything. */
async function serve(ms: number): Promise<void> {
  const server = createServer(async (request, response) => {
    const { MessageBody = '' } = JSON.parse(await text(request)) as { MessageBody?: string };
    const MD5OfMessageBody = createHash('md5').update(MessageBody).digest('hex');
    setTimeout(() => response.end(JSON.stringify({ MessageId: 'm', MD5OfMessageBody })), ms);
  });
  process.stdout.write(`${await listen(server, 0)}\n`);
}

if (require.main === module) void serve(Number(process.argv[2]));

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { clientDefaults } from '../../lib/aws/clients';
import { throughAll } from '../../lib/concurrency';
import { codeOf } from '../../lib/errors';
import { listen } from '../../packages/local/loopback';
import { realProducer } from '../../packages/producer/real-producer';
import { type Size, tableOf, timed } from './table';

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

/** Sends many jobs with keys at the same moment, while SQS and the table answer after 8 or 100 ms. */
export async function burst(size: Size): Promise<string> {
  const counts = size === 'full' ? [1_000, 2_000, 10_000] : [100];
  const rows: Awaited<ReturnType<typeof measure>>[] = [];
  for (const ms of [8, 100])
    for (const count of counts) {
      rows.push(await measure('SDK, one call', count, ms), await measure('producer', count, ms));
      // More jobs would take minutes at the same rate.
      if (count <= 2_000) rows.push(await measure('producer, 50 lanes', count, ms));
    }
  return tableOf(
    rows,
    ['answers in ms', ({ ms }) => ms],
    ['at once', ({ count }) => count],
    ['way', ({ way }) => way],
    ['accepted', ({ accepted }) => accepted],
    ['refused', ({ refused }) => refused],
    ['s', ({ seconds }) => seconds.toFixed(1)],
    ['accepted/s', ({ seconds, accepted }) => Math.round(accepted / seconds)],
    ['CPU s', ({ cpu }) => cpu.toFixed(1)],
  );
}

async function measure(way: 'SDK, one call' | 'producer' | 'producer, 50 lanes', count: number, ms: number) {
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
  const numbers = Array.from({ length: count }, (_, n) => n);
  const { ms: took, cpuMs } = await timed(() => throughAll(numbers, one, way === 'producer, 50 lanes' ? LANES : count));
  await producer.close();
  sqs.destroy();
  server.kill();
  const refused = Object.entries(codes).map(([code, times]) => `${times} ${code}`);
  return { ms, count, way, accepted, refused: refused.join(', ') || '0', seconds: took / 1_000, cpu: cpuMs / 1_000 };
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

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import { jobKey, recordKey } from '../../lib/engine/jobs/keys';
import { recordOf } from '../../lib/engine/jobs/record';
import { groupBy } from '../../lib/platform/group-by';
import { verify } from '../../packages/verify/verify';
import { PRICES } from '../../resources/cost';
import { anEnvelope, jobId, memoryEngine, PREFIX } from '../support/engine';
import { sampleContract } from '../support/sample-contract';
import { type Size, table, timed } from './table';

const SIZES = { full: 100_000, small: 2_000 };
/** The table keeps rows for so many days. */
const DAYS = 45;
const DAY_MS = 86_400_000;
/** What the table stores of a job. A page of a scan reads 1 MB. */
const ROW_KB = 2.5;
const PAGE_ROWS = Math.floor(1024 / ROW_KB);
const SEGMENTS = 4;

/** What a check of one day takes, without the network: the clients answer at once, and making the answers counts too. */
export async function verifyDay(size: Size): Promise<string> {
  const jobs = SIZES[size];
  const day = Date.parse('2026-01-02T00:00:00Z');
  const engine = memoryEngine(() => sampleContract().contract);
  await engine.sendAndDeliver(JSON.stringify(anEnvelope()));
  const { queue, ...row } = engine.row(jobId(1));
  const of = (n: number) => {
    const time = day + Math.floor(((n % jobs) / jobs) * DAY_MS) - Math.floor(n / jobs) * DAY_MS;
    return { ...row, queue, id: jobId(n), key: jobKey(queue, jobId(n)), group: jobId(n), time };
  };
  const byFolder = groupBy(
    Array.from({ length: jobs }, (_, n) => recordKey(PREFIX, of(n))),
    (key) => key.slice(0, key.lastIndexOf('/') + 1),
  );
  const named = (key: string) => of(Number.parseInt(key.replace('.json', '').slice(-12), 16));
  type Input = Record<'Key' | 'Prefix', string> & { Segment: number; ExclusiveStartKey?: number };
  const answers: Record<string, (input: Input) => object> = {
    ScanCommand: ({ Segment, ExclusiveStartKey: from = Segment }) => {
      const page = Array.from({ length: PAGE_ROWS }, (_, place) => from + SEGMENTS * place);
      const Items = page.flatMap((n) => {
        const { key, time, payloadHash, state } = of(n);
        return n < jobs * DAYS ? [marshall({ key, time, payloadHash, state })] : [];
      });
      const next = from + SEGMENTS * PAGE_ROWS;
      return { Items, ...(next < jobs * DAYS && { LastEvaluatedKey: next }) };
    },
    GetItemCommand: ({ Key }) => ({
      Item: marshall(named((Key as unknown as { key: { S: string } }).key.S), { removeUndefinedValues: true }),
    }),
    ListObjectsV2Command: ({ Prefix }) => ({ Contents: (byFolder.get(Prefix) ?? []).map((Key) => ({ Key })) }),
    GetObjectCommand: ({ Key }) => ({ Body: { transformToByteArray: async () => Buffer.from(recordOf(named(Key))) } }),
    GetQueueAttributesCommand: () => ({ Attributes: { ApproximateNumberOfMessagesNotVisible: '0' } }),
  };
  const calls: Record<string, number> = {};
  let most = 0;
  const send = async ({ constructor: { name }, input }: { constructor: { name: string }; input: Input }) => {
    calls[name] = (calls[name] ?? 0) + 1;
    if ((calls[name] ?? 0) % 1_000 === 0) most = Math.max(most, process.memoryUsage.rss());
    return answers[name]?.(input) ?? {};
  };
  const fake = <C extends object>(client: C): C => Object.assign(client, { send });
  const { cpuMs } = await timed(async () => {
    const source = {
      ...{ dynamodb: fake(new DynamoDBClient({})), s3: fake(new S3Client({})), sqs: fake(new SQSClient({})) },
      ...{ table: 'jobs', bucket: 'bucket', prefix: PREFIX, instance: 'my', now: () => day + 2 * DAY_MS },
      queues: [{ name: queue, records: queue, fifo: true, retentionMs: DAY_MS, dlqRetentionMs: DAY_MS }],
    };
    const { checked, findings } = await verify(source, { from: day, to: day + DAY_MS });
    if (checked !== jobs || findings.length > 0) throw new Error(`${checked} checked, ${JSON.stringify(findings[0])}`);
  });
  const { GetItemCommand: gets = 0, GetObjectCommand: objects = 0, ListObjectsV2Command: lists = 0 } = calls;
  const units = (jobs * DAYS * ROW_KB) / 4 / 2 + gets;
  const usd = units * PRICES.readUnit + objects * PRICES.s3Get + lists * PRICES.s3Put;
  return table(
    ['jobs a day', 'CPU s', 'peak MB', 'GB scanned', ...Object.keys(calls), 'USD a day without Lambda'],
    [
      [
        ...[jobs, (cpuMs / 1000).toFixed(1), Math.round(most / 1e6), ((jobs * DAYS * ROW_KB) / 1e6).toFixed(1)],
        ...[...Object.values(calls), usd.toFixed(3)],
      ],
    ],
  );
}

import { DynamoDBClient, type GetItemCommandInput, type ScanCommandInput } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Item } from '../../lib/platform/ports';
import { REGION } from '../../packages/local/loopback';
import type { SqsModel } from '../../packages/local/sqs/model';
import type { Source } from '../../packages/verify/verify';
import type { memoryObjects } from '../support/memory-objects';
import type { memoryTable } from '../support/memory-table';

interface Stores {
  table: Pick<ReturnType<typeof memoryTable>, 'item' | 'items'>;
  objects: Pick<ReturnType<typeof memoryObjects>, 'list' | 'bytes' | 'metadata'>;
  sqs: SqsModel;
}
/** Waits as long as a call takes, and counts it. */
type Counted = (name: string, readUnits?: number) => Promise<void>;

/** A scan bills half a unit for each 4 KB that it reads. */
const SCAN_UNIT_BYTES = 8_192;

/**
 * The AWS clients that the nightly check reads with: what its commands answer comes from the stores of the play. A scan
 * answers in its first segment, and in one page, as the list of a folder does.
 */
export function storedClients(
  { table, objects, sqs }: Stores,
  called: Counted,
): Pick<Source, 'dynamodb' | 's3' | 'sqs'> {
  const answers: Record<string, (input: never) => Promise<unknown>> = {
    Scan: async ({ Segment, ExpressionAttributeNames: names = {} }: ScanCommandInput) => {
      const items = Segment === 0 ? (table.items() as Item[]) : [];
      const bytes = items.reduce((sum, item) => sum + JSON.stringify(item).length, 0);
      await called('table.scan', bytes / SCAN_UNIT_BYTES);
      const asked = new Set(Object.values(names));
      const shown = (item: Item) => Object.fromEntries(Object.entries(item).filter(([name]) => asked.has(name)));
      return { Items: items.map((item) => marshall(shown(item))) };
    },
    GetItem: async ({ Key }: GetItemCommandInput) => {
      await called('table.get', 1);
      const item = table.item(Key?.key?.S ?? '');
      return { Item: item && marshall(item, { removeUndefinedValues: true }) };
    },
    ListObjectsV2: async ({ Prefix }: { Prefix: string }) => {
      await called('objects.list');
      return { Contents: (await objects.list(Prefix)).map((Key) => ({ Key })) };
    },
    GetObject: async ({ Key }: { Key: string }) => {
      await called('objects.get');
      const transformToByteArray = async () => objects.bytes(Key);
      return { Body: { transformToByteArray }, Metadata: objects.metadata(Key) };
    },
  };
  for (const [action, act] of Object.entries(sqs.actions))
    answers[action[0]?.toUpperCase() + action.slice(1)] = async (input: never) => {
      await called(`queues.${action}`);
      return act(input);
    };
  const send = (command: { input: never }) => {
    // A bundler may add a digit to the name.
    const { name } = command.constructor;
    const answer = answers[name.replace(/Command\d*$/, '')];
    if (!answer) throw new Error(`the nightly check calls ${name}, which the play does not know`);
    return answer(command.input);
  };
  return {
    dynamodb: Object.assign(new DynamoDBClient({ region: REGION }), { send }) as DynamoDBClient,
    s3: Object.assign(new S3Client({ region: REGION }), { send }) as S3Client,
    sqs: Object.assign(new SQSClient({ region: REGION }), { send }) as SQSClient,
  };
}

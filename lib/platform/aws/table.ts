import {
  DeleteItemCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  type QueryCommandInput,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { Change, Item, Table } from '../ports';
import { clientDefaults, guarded, isAwsError } from './clients';

/**
 * The SDK keeps what it resolves for the first call of a kind, which is a sixth of a call's CPU. All calls have one
 * endpoint, so they can share it.
 */
export const dynamoClient = (config: DynamoDBClientConfig = clientDefaults): DynamoDBClient =>
  new DynamoDBClient({ ...config, cacheMiddleware: true });

const dynamo = guarded('DynamoDB');

/** The jobs table. The SDK may repeat a write that took effect and answer 'conflict', so compare `writer` first. */
export function realTable({ table, client = dynamoClient() }: { table: string; client?: DynamoDBClient }): Table {
  return {
    get: (key) =>
      dynamo('GetItem', async () => {
        const asked = new GetItemCommand({ TableName: table, Key: keyOf(key), ConsistentRead: true });
        const { Item: item } = await client.send(asked);
        return item && (unmarshall(item) as Item);
      }),

    put: (item, expected) =>
      dynamo('PutItem', async () => {
        const put = new PutItemCommand({ TableName: table, Item: attributes(item), ...versionIs(expected) });
        return (await asExpected(client.send(put))) ? 'written' : 'conflict';
      }),

    update: (key, change) =>
      dynamo('UpdateItem', async () => {
        const update = new UpdateItemCommand({ TableName: table, Key: keyOf(key), ...expressionsOf(change) });
        const { Attributes: item } = (await asExpected(client.send(update))) ?? {};
        return item && (unmarshall(item) as Item);
      }),

    delete: (key, expected) =>
      dynamo('DeleteItem', async () => {
        const remove = new DeleteItemCommand({ TableName: table, Key: keyOf(key), ...versionIs(expected) });
        return (await asExpected(client.send(remove))) ? 'deleted' : 'conflict';
      }),

    ...indexesOf(table, client),
  };
}

/** The queries of the indexes. */
function indexesOf(table: string, client: DynamoDBClient): Omit<Table, 'get' | 'put' | 'update' | 'delete'> {
  /** Reads at most `limit` items over several pages, because DynamoDB ends a page at 1 MB. */
  const query = (input: Omit<QueryCommandInput, 'TableName'>, limit: number) =>
    dynamo('Query', async () => {
      const items: Record<string, unknown>[] = [];
      if (limit <= 0) return items;
      for await (const page of paginateQuery({ client }, { TableName: table, Limit: limit, ...input })) {
        items.push(...(page.Items ?? []).map((item) => unmarshall(item)));
        if (items.length >= limit) break;
      }
      return items.slice(0, limit);
    });

  /** Keys under one partition of an index whose sort key is the item's key. */
  const keysUnder =
    (index: 'inGroup' | 'person'): Table['group'] =>
    async (partition, { after = ' ', limit }) => {
      const found = await query(rangeOf(index, partition, ['key', '> :after'], { ':after': after }), limit);
      return found.map(({ key }) => String(key));
    };

  return {
    due: async (todo, { until, after, limit, newestFirst = false }) => {
      const range = rangeOf('todo', todo, ['todoAt', '<= :until'], { ':until': until });
      const start = after && { ExclusiveStartKey: attributes({ ...after, todo }) };
      const items = await query({ ...range, ScanIndexForward: !newestFirst, ...start }, limit);
      return items.map(({ key, todoAt }) => ({ key: String(key), todoAt: Number(todoAt) }));
    },

    count: (todo, { since, most = Number.POSITIVE_INFINITY }) =>
      dynamo('Query', async () => {
        let count = 0;
        const limit = Number.isFinite(most) && { Limit: most };
        const range = rangeOf('todo', todo, ['todoAt', '>= :since'], { ':since': since });
        const input = { TableName: table, Select: 'COUNT' as const, ...limit, ...range };
        for await (const page of paginateQuery({ client }, input)) {
          count += page.Count ?? 0;
          if (count >= most) break;
        }
        return count;
      }),

    todos: (most) =>
      dynamo('Scan', async () => {
        const scan = new ScanCommand({ TableName: table, IndexName: 'todo', Limit: most });
        const { Items = [], LastEvaluatedKey: more } = await client.send(scan);
        return more ? undefined : [...new Set(Items.map((item) => String(unmarshall(item).todo)))];
      }),

    accepted: async (queue, { from = 0, until = Number.MAX_SAFE_INTEGER, after, limit }) => {
      const times = { ':from': from, ':until': until };
      const range = rangeOf('accepted', queue, ['time', 'BETWEEN :from AND :until'], times);
      const start = after && { ExclusiveStartKey: attributes({ ...after, accepted: queue }) };
      const items = await query({ ...range, ScanIndexForward: false, ...start }, limit);
      return items.map(({ key, time }) => ({ key: String(key), time: Number(time) }));
    },

    group: keysUnder('inGroup'),
    person: keysUnder('person'),
  };
}

const attributes = (item: object) => marshall(item, { removeUndefinedValues: true });

const keyOf = (key: string) => attributes({ key });

const rangeOf = (index: string, partition: string, [sort, rule]: [string, string], values: object) => ({
  IndexName: index,
  KeyConditionExpression: `#index = :partition AND #sort ${rule}`,
  ExpressionAttributeNames: { '#index': index, '#sort': sort },
  ExpressionAttributeValues: attributes({ ':partition': partition, ...values }),
});

function versionIs(expected: number) {
  const names = { '#key': 'key' };
  if (expected === 0) return { ConditionExpression: 'attribute_not_exists(#key)', ExpressionAttributeNames: names };
  return {
    ConditionExpression: '#version = :expected',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: attributes({ ':expected': expected }),
  };
}

function expressionsOf({ expected, set, append }: Change) {
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  const name = (attribute: string): string => {
    names[`#${attribute}`] = attribute;
    return `#${attribute}`;
  };
  // DynamoDB refuses a value that no expression uses.
  const value = (alias: string, given: unknown): string => {
    values[`:${alias}`] = given;
    return `:${alias}`;
  };
  const isOf = (attribute: string, given: object): string => {
    const type = Array.isArray(given) ? 'L' : 'M';
    return `attribute_type(${name(attribute)}, ${value(type, type)})`;
  };
  const one = value('one', 1);
  const conditions = Object.entries(expected).map(([attribute, given]) => {
    if (given === undefined) return `attribute_not_exists(${name(attribute)})`;
    if (typeof given === 'object')
      return `size(${name(attribute)}) = ${value('zero', 0)} AND ${isOf(attribute, given)}`;
    return `${name(attribute)} = ${value(attribute, given)}`;
  });
  const lists = Object.entries(append).map(([list, more]) => isOf(list, more));
  const assigned = Object.entries(set).map(
    ([attribute, given]) => `${name(attribute)} = ${value(`new_${attribute}`, given)}`,
  );
  const appended = Object.entries(append).map(
    ([list, more]) => `${name(list)} = list_append(${name(list)}, ${value(`more_${list}`, more)})`,
  );
  const version = name('version');
  return {
    ConditionExpression: [...conditions, ...lists, `${version} >= ${one}`].join(' AND '),
    UpdateExpression: `SET ${[...assigned, ...appended, `${version} = ${version} + ${one}`].join(', ')}`,
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: attributes(values),
    ReturnValues: 'ALL_NEW',
  } as const;
}

/** The answer of a conditional call, or `undefined` if the item is not as the call expects it. */
async function asExpected<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isAwsError(error, 'ConditionalCheckFailedException')) return undefined;
    throw error;
  }
}

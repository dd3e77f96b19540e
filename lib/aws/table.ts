import {
  DeleteItemCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  type QueryCommandInput,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { Change, Item, Table } from '../ports';
import { clientDefaults } from './clients';
import { guarded, isAwsError } from './store-error';

export const dynamoClient = (config: DynamoDBClientConfig = clientDefaults): DynamoDBClient =>
  new DynamoDBClient(config);

/** The jobs table. The SDK may repeat a write that took effect and answer 'conflict', so compare `writer` first. */
export function realTable({ table, client = dynamoClient() }: { table: string; client?: DynamoDBClient }): Table {
  const dynamo = guarded('DynamoDB');

  /** Reads at most `limit` items over several pages, because DynamoDB ends a page at 1 MB. */
  async function query(input: Omit<QueryCommandInput, 'TableName'>, limit: number): Promise<Record<string, unknown>[]> {
    const items: Record<string, unknown>[] = [];
    if (limit <= 0) return items;
    for await (const page of paginateQuery({ client }, { TableName: table, Limit: limit, ...input })) {
      items.push(...(page.Items ?? []).map((item) => unmarshall(item)));
      if (items.length >= limit) break;
    }
    return items.slice(0, limit);
  }

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

    due: (todo, { until, after, limit, newestFirst = false }) =>
      dynamo('Query', async () => {
        const start = after && { ExclusiveStartKey: attributes({ ...after, todo }) };
        const items = await query({ ...inTodo('<=', todo, until), ScanIndexForward: !newestFirst, ...start }, limit);
        return items.map(({ key, todoAt }) => ({ key: String(key), todoAt: Number(todoAt) }));
      }),

    count: (todo, { since, most = Number.POSITIVE_INFINITY }) =>
      dynamo('Query', async () => {
        let count = 0;
        const limit = Number.isFinite(most) && { Limit: most };
        const input = { TableName: table, Select: 'COUNT' as const, ...limit, ...inTodo('>=', todo, since) };
        for await (const page of paginateQuery({ client }, input)) {
          count += page.Count ?? 0;
          if (count >= most) break;
        }
        return count;
      }),

    accepted: (queue, { from = 0, until = Number.MAX_SAFE_INTEGER, after, limit }) =>
      dynamo('Query', async () => {
        const input = {
          IndexName: 'accepted',
          KeyConditionExpression: '#accepted = :queue AND #time BETWEEN :from AND :until',
          ExpressionAttributeNames: { '#accepted': 'accepted', '#time': 'time' },
          ExpressionAttributeValues: attributes({ ':queue': queue, ':from': from, ':until': until }),
          ScanIndexForward: false,
          ...(after && { ExclusiveStartKey: attributes({ ...after, accepted: queue }) }),
        };
        return (await query(input, limit)).map(({ key, time }) => ({ key: String(key), time: Number(time) }));
      }),

    group: (group, options) => keysUnder('inGroup', group, options),
    person: (person, options) => keysUnder('person', person, options),
  };

  /** Keys under one partition of an index whose sort key is the item's key. */
  function keysUnder(
    index: 'inGroup' | 'person',
    partition: string,
    { after, limit }: { after?: string | undefined; limit: number },
  ): Promise<string[]> {
    return dynamo('Query', async () => {
      const input = {
        IndexName: index,
        KeyConditionExpression: `#index = :partition${after === undefined ? '' : ' AND #key > :after'}`,
        ExpressionAttributeNames: { '#index': index, ...(after === undefined ? {} : { '#key': 'key' }) },
        ExpressionAttributeValues: attributes({ ':partition': partition, ':after': after }),
      };
      return (await query(input, limit)).map(({ key }) => String(key));
    });
  }
}

/** In DynamoDB's form, without what is `undefined`. */
const attributes = (item: object) => marshall(item, { removeUndefinedValues: true });

const keyOf = (key: string) => attributes({ key });

const inTodo = (side: '<=' | '>=', todo: string, at: number) => ({
  IndexName: 'todo',
  KeyConditionExpression: `#todo = :todo AND #at ${side} :at`,
  ExpressionAttributeNames: { '#todo': 'todo', '#at': 'todoAt' },
  ExpressionAttributeValues: attributes({ ':todo': todo, ':at': at }),
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
  const one = value('one', 1);
  const conditions = Object.entries(expected).map(([attribute, given]) => {
    if (given === undefined) return `attribute_not_exists(${name(attribute)})`;
    if (typeof given === 'object') return `size(${name(attribute)}) = ${value('zero', 0)}`;
    return `${name(attribute)} = ${value(attribute, given)}`;
  });
  const lists = Object.keys(append).map((list) => `attribute_type(${name(list)}, ${value('list', 'L')})`);
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

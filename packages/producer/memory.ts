import { randomUUID } from 'node:crypto';
import { realRandom } from '../../lib/aws/system';
import { ANALYTICS_QUEUE, CAMPAIGN_QUEUE, FEEDBACK_QUEUE } from '../../lib/jobs/keys';
import { personHashes } from '../../lib/jobs/person-hash';
import type { BatchQueues, Clock, Item, OutgoingMessage, Queues, Table } from '../../lib/ports';
import { TESTFLIGHT_QUEUE } from '../../lib/testflight/message';
import type { Connection } from './client';

const QUEUES = [FEEDBACK_QUEUE, CAMPAIGN_QUEUE, TESTFLIGHT_QUEUE, ANALYTICS_QUEUE];
const RETENTION_SECONDS = 14 * 24 * 60 * 60;

/** What only workers, the reconciler and operators call. */
const unused = (): never => {
  throw new Error('a producer does not call this');
};

/** What a producer needs of AWS, in the memory of the process. Each call takes effect at once. */
export function memoryConnection(clock: Clock) {
  const items = new Map<string, string>();
  const objects = new Map<string, Uint8Array>();
  const bodies: string[] = [];

  const table: Table = {
    get: async (key) => {
      const json = items.get(key);
      return json === undefined ? undefined : (JSON.parse(json) as Item);
    },
    put: async (item, expected) => {
      const stored = await table.get(item.key);
      if ((stored?.version ?? 0) !== expected) return 'conflict';
      items.set(item.key, JSON.stringify(item));
      return 'written';
    },
    ...{ update: unused, delete: unused, due: unused, count: unused, accepted: unused, group: unused, person: unused },
  };
  const take = ({ body, groupId }: OutgoingMessage) => {
    const sequence = groupId === undefined ? {} : { sequenceNumber: String(bodies.push(body)).padStart(20, '0') };
    return { messageId: randomUUID(), ...sequence };
  };
  const queues: Queues & BatchQueues = {
    send: async (_url, message) => take(message),
    sendBatch: async (_url, messages) => messages.map((message) => ({ sent: true, ...take(message) })),
    ...{ receive: unused, changeVisibility: unused, changeVisibilityBatch: unused, delete: unused, depth: unused },
  };
  const connection: Connection = {
    table,
    queues,
    clock,
    objects: {
      put: async (key, body) => void objects.set(key, Buffer.from(body)),
      get: async (key) => objects.get(key),
      size: async (key) => objects.get(key)?.length,
      list: async (prefix) => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
    },
    readObject: async function* (key) {
      yield objects.get(key) ?? new Uint8Array();
    },
    random: realRandom,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    hashPeople: personHashes(async () => 'the hash key of a producer in memory', clock),
    prefix: 'jobs',
    source: '/test/api',
    emailRate: 100,
    settings: () => ({ type: 'fifo', retention: RETENTION_SECONDS }),
    queueNames: QUEUES,
    queueUrl: (queue) => `https://sqs.example.com/${queue}.fifo`,
    sign: async ({ key, contentType }) => ({
      url: 'https://bucket.example.com',
      fields: { key, 'Content-Type': contentType },
    }),
    disconnect: async () => {},
  };
  return {
    connection,
    keys: () => [...items.keys()],
    /** The bodies of all messages that SQS would have. */
    bodies,
    clear() {
      for (const store of [items, objects]) store.clear();
      bodies.length = 0;
    },
  };
}

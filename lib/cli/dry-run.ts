import { sha256 } from '../jobs/envelope';
import { changedItem } from '../jobs/item-change';
import type { BatchQueues, Events, Item, Mappings, Objects, OutgoingMessage, Queues, Table, Topics } from '../ports';
import type { CommandContext, Output } from './command';

export const isDryRun = (options: CommandContext['options']): boolean => options['dry-run'] === true;

interface Services {
  table: Table;
  objects: Objects;
  queues: Queues & BatchQueues;
  topics: Topics;
  events?: Events | undefined;
}

/**
 * Services that read as usual and write nothing. They name each method, so that the compiler reports a new one. A read
 * shows earlier pretended writes of the same command, except in the table's indexes. `touch` receives a line for each
 * write. Looking through a DLQ hides its entries for a while.
 */
export function dryServices({ table, objects, queues, events }: Services, touch: (what: string) => void): Services {
  const items = new Map<string, Item | undefined>();
  const bodies = new Map<string, Uint8Array | undefined>();
  const item = async (key: string) => (items.has(key) ? items.get(key) : table.get(key));
  const body = async (key: string) => (bodies.has(key) ? bodies.get(key) : objects.get(key));
  const version: Objects['read'] = async (key) => {
    if (!bodies.has(key)) return objects.read(key);
    const bytes = bodies.get(key);
    return bytes && { bytes, etag: sha256(bytes), modifiedAt: Date.now() };
  };
  const fits = async (key: string, expected: number) => ((await item(key))?.version ?? 0) === expected;
  const keep = (key: string, content: string | Uint8Array | undefined) =>
    void bodies.set(key, typeof content === 'string' ? Buffer.from(content) : content);
  const send = async (url: string, message: OutgoingMessage) => {
    touch(`send ${messageText(message)} to ${nameOf(url)}`);
    return { messageId: 'of-the-dry-run' };
  };
  return {
    table: {
      due: table.due,
      count: table.count,
      hour: table.hour,
      group: table.group,
      get: item,
      put: async (next, expected) => {
        if (!(await fits(next.key, expected))) return 'conflict';
        items.set(next.key, next);
        touch(`write the item ${next.key} of the table`);
        return 'written';
      },
      update: async (key, change) => {
        const stored = await item(key);
        const next = stored && changedItem(stored, change);
        if (!next) return undefined;
        items.set(key, next);
        touch(`write the item ${key} of the table`);
        return next;
      },
      delete: async (key, expected) => {
        if (!(await fits(key, expected))) return 'conflict';
        items.set(key, undefined);
        touch(`delete the item ${key} of the table`);
        return 'deleted';
      },
    },
    objects: {
      list: objects.list,
      get: body,
      read: version,
      replace: async (key, content, _type, etag) => {
        if ((await version(key))?.etag !== etag) return 'changed';
        keep(key, content);
        touch(`write the object ${key}`);
        return 'replaced';
      },
      put: async (key, content) => {
        keep(key, content);
        touch(`write the object ${key}`);
      },
      create: async (key, content) => {
        if (await body(key)) return 'exists';
        keep(key, content);
        touch(`write the object ${key}`);
        return 'created';
      },
      delete: async (key) => {
        keep(key, undefined);
        touch(`delete the object ${key}`);
      },
    },
    queues: {
      receive: queues.receive,
      changeVisibility: queues.changeVisibility,
      changeVisibilityBatch: queues.changeVisibilityBatch,
      depth: queues.depth,
      send,
      sendBatch: (url, messages) =>
        Promise.all(messages.map(async (message) => ({ sent: true as const, ...(await send(url, message)) }))),
      delete: async (url) => touch(`delete a message of ${nameOf(url)}`),
    },
    events: events && { publish: async ({ id }) => touch(`publish the event ${id}`) },
    topics: { publish: async (arn) => touch(`publish a message to the topic ${arn.split(':').at(-1)}`) },
  };
}

/** Event source mappings that are only read. */
export const dryMappings = ({ isOn }: Mappings, touch: (what: string) => void): Mappings => ({
  isOn,
  set: async (queue, on) => touch(`${on ? 'enable' : 'disable'} the event source mapping of ${queue}`),
});

const nameOf = (url: string): string => url.split('/').at(-1) ?? url;
const messageText = ({ deduplicationId }: OutgoingMessage): string =>
  deduplicationId === undefined ? 'a message' : `the message ${deduplicationId}`;

/** More lines would hide the rest. */
const MOST_LINES = 50;

/** What a dry run says at its end. */
export function dryRunLines(touched: ReadonlySet<string>): string[] {
  const lines = [...touched].slice(0, MOST_LINES).map((what) => `  ${what}`);
  const more = touched.size - lines.length;
  if (touched.size === 0) return ['Dry run. Nothing was changed, and the command would change nothing.'];
  return [
    'Dry run. Nothing was changed. The command would:',
    ...lines,
    ...(more > 0 ? [`  and make ${more} other changes`] : []),
  ];
}

/** The command's own lines are about what did not happen, so each of them says so. */
export const dryOutput = (out: Output): Output => ({
  ...out,
  line: (text = '') => out.line(text === '' ? text : `dry run: ${text}`),
});

import { DATA_SUFFIX } from '../../../lib/analytics/keys';
import { rowOf } from '../../../lib/jobs/ledger';
import type { BatchQueues, Facts, Item, OutgoingMessage, Queues, SentMessage } from '../../../lib/ports';
import type { Process } from './calls';
import type { Target } from './faults';
import type { Ports, World } from './types';

const short = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

export function portsOf(world: World, process: Process): Ports {
  const { call, kernel, chance, watch, plan } = world;
  const { stores } = world;
  const { table, objects, queues } = stores;
  const now = () => kernel.now() + process.skew;

  const line = (level: 'info' | 'warn' | 'error') => (message: string, facts?: Facts) => {
    if (!process.alive) return;
    watch.logged(message, facts);
    for (const listener of world.onLog) listener(message, facts, process.name);
    world.trace.add({ who: process.name, what: `log.${level}`, detail: () => `${message} ${JSON.stringify(facts)}` });
  };

  const sentOut = (url: string, message: OutgoingMessage, sent: SentMessage) => {
    watch.sent(short(url), message, sent);
    for (const listener of world.onSent) listener(process, short(url), message);
  };

  const receivePart: Queues['receive'] = async (url, { max, ...options }) => {
    const part = chance.between(0, max);
    return part === 0 ? [] : queues.receive(url, { max: part, ...options });
  };

  /** SQS may refuse a part of a batch and send the rest. */
  const sendPart: BatchQueues['sendBatch'] = async (url, messages) => {
    const taken = messages.filter(() => chance.fraction() < 0.7);
    const sent = taken.length === 0 ? [] : await queues.sendBatch(url, taken);
    if (taken.length < messages.length) world.trouble();
    return messages.map((message) => sent[taken.indexOf(message)] ?? { sent: false, code: 'queues.refused' });
  };

  /** A call to AWS. `detail` is for the trace: a function if it takes work. */
  const to =
    (target: Target) =>
    <T>(method: string, detail: string | (() => string), effect: () => T | Promise<T>): Promise<T> =>
      call({ process, target, method, effect, detail: typeof detail === 'string' ? () => detail : detail });
  const [toTable, toObjects, toQueues, toEvents] = [to('table'), to('objects'), to('queues'), to('events')];

  return {
    clock: {
      now,
      sleep: (ms) =>
        new Promise((resolve) => {
          kernel.setTimeout(() => process.alive && resolve(), Math.max(0, ms));
        }),
    },
    random: { uuid: () => chance.uuid(), fraction: () => chance.fraction() },
    log: { info: line('info'), warn: line('warn'), error: line('error') },
    metrics: {
      add: (name, value, _unit, dimensions) => {
        if (!process.alive) return;
        watch.measured(name, dimensions);
        for (const listener of world.onMeasure) listener(name, value, dimensions);
      },
      flush: async () => {},
    },
    table: {
      get: (key) => toTable('get', key, () => table.get(key)),
      put: (item, expected) =>
        toTable(
          'put',
          () => `${item.key} v${expected}+1 ${describe(item)}`,
          async () => {
            const answer = await table.put(item, expected);
            if (answer === 'written') watch.stored(item);
            return answer;
          },
        ),
      update: (key, change) =>
        toTable(
          'update',
          () => `${key} ${JSON.stringify(change.set)}`,
          async () => {
            const item = await table.update(key, change);
            if (item) watch.stored(item);
            return item;
          },
        ),
      delete: (key, expected) =>
        toTable('delete', key, async () => {
          const answer = await table.delete(key, expected);
          if (answer === 'deleted') watch.removed(key);
          return answer;
        }),
      due: (todo, options) => toTable('due', todo, () => table.due(todo, options)),
      count: (todo, options) => toTable('count', todo, () => table.count(todo, options)),
      accepted: (queue, options) => toTable('accepted', queue, () => table.accepted(queue, options)),
      group: (group, options) => toTable('group', group, () => table.group(group, options)),
      person: (person, options) => toTable('person', person, () => table.person(person, options)),
    },
    objects: {
      put: (key, body, contentType) =>
        toObjects('put', key, () => {
          watch.kept(key, body);
          return objects.put(key, body, contentType);
        }),
      create: (key, ...object) =>
        toObjects('create', key, async () => {
          const answer = await objects.create(key, ...object);
          if (answer === 'created') watch.kept(key, object[0]);
          if (answer === 'created' && key.endsWith(DATA_SUFFIX)) watch.effect('object', key, true);
          return answer;
        }),
      replace: (key, ...object) =>
        toObjects('replace', key, async () => {
          const answer = await objects.replace(key, ...object);
          if (answer === 'replaced') watch.kept(key, object[0]);
          return answer;
        }),
      get: (key) => toObjects('get', key, () => objects.get(key)),
      read: (key) => toObjects('read', key, () => objects.read(key)),
      readChanged: (key, etag) => toObjects('read', key, () => objects.readChanged(key, etag)),
      size: (key) => toObjects('size', key, () => objects.size(key)),
      delete: (key) => toObjects('delete', key, () => objects.delete(key)),
      list: (prefix, options) => toObjects('list', prefix, () => objects.list(prefix, options)),
    },
    events: {
      publish: (completion) => {
        watch.shown('an event on the bus', completion);
        return toEvents('publish', completion.id, () => stores.events.publish(completion));
      },
    },
    topic: {
      publish: (fact) =>
        toEvents('tell', `${fact.fact} ${fact.subject} ${fact.on ? 'on' : 'over'}`, async () => {
          watch.shown('a message in the chat', fact);
          for (const listener of world.onFact) listener(fact);
        }),
    },
    queues: {
      send: (url, message) =>
        toQueues(
          'send',
          () => `${short(url)} group ${message.groupId} deduplication ${message.deduplicationId}`,
          async () => {
            const sent = await queues.send(url, message);
            sentOut(url, message, sent);
            return sent;
          },
        ),
      sendBatch: (url, messages) =>
        toQueues(
          'sendBatch',
          () => `${short(url)} ${messages.map(({ deduplicationId }) => deduplicationId).join(', ')}`,
          async () => {
            const entries = await (plan.approximate ? sendPart : queues.sendBatch)(url, messages);
            for (const [index, message] of messages.entries()) {
              const entry = entries[index];
              if (entry?.sent) sentOut(url, message, entry);
            }
            return entries;
          },
        ),
      receive: (url, options) =>
        toQueues('receive', short(url), () => (plan.approximate ? receivePart : queues.receive)(url, options)),
      changeVisibility: (url, receiptHandle, seconds) =>
        toQueues(
          'changeVisibility',
          () => `${messageOf(receiptHandle)} ${seconds} s`,
          () => queues.changeVisibility(url, receiptHandle, seconds),
        ),
      changeVisibilityBatch: (url, receiptHandles, seconds) =>
        toQueues(
          'changeVisibilityBatch',
          () => `${receiptHandles.map(messageOf).join(' ')} ${seconds} s`,
          () => queues.changeVisibilityBatch(url, receiptHandles, seconds),
        ),
      delete: (url, receiptHandle) =>
        toQueues(
          'delete',
          () => `${short(url)} ${messageOf(receiptHandle)}`,
          () => queues.delete(url, receiptHandle),
        ),
      depth: (url) =>
        toQueues('depth', short(url), async () => {
          const { visible, inFlight } = await queues.depth(url);
          return { visible: plan.approximate ? Math.max(0, visible + chance.between(-1, 1)) : visible, inFlight };
        }),
    },
  };
}

/** The model's receipt handles contain the message id. */
const messageOf = (receiptHandle: string): string =>
  Buffer.from(receiptHandle, 'base64').toString().split(' ')[1]?.slice(-4) ?? '';

function describe(item: Item): string {
  if (!('payloadHash' in item)) return '';
  const { state, reason, attempts, crashes, steps } = rowOf(item, Number.POSITIVE_INFINITY);
  const taken = Object.entries(steps).map(([name, { status }]) => `${name}:${status}`);
  return `${state}${reason ? `(${reason})` : ''} attempts ${attempts} crashes ${crashes} ${taken.join(' ')}`;
}

import { DATA_SUFFIX } from '../../../lib/analytics/keys';
import { rowOf } from '../../../lib/jobs/stored-row';
import type { BatchQueues, Facts, Item, OutgoingMessage, Queues } from '../../../lib/ports';
import type { Process } from './calls';
import type { Ports, World } from './types';

const short = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

/** The ports of one process: all its calls to the outside. */
export function portsOf(world: World, process: Process): Ports {
  const { call, kernel, chance, watch, plan } = world;
  const { stores } = world;
  const { table, objects, queues } = stores;
  const now = () => kernel.now() + process.skew;

  const line = (level: 'info' | 'warn' | 'error') => (message: string, facts?: Facts) => {
    if (!process.alive) return;
    watch.logged(message, facts);
    world.trace.add({ who: process.name, what: `log.${level}`, detail: () => `${message} ${JSON.stringify(facts)}` });
  };

  const sentOut = (url: string, message: OutgoingMessage, sent: { messageId: string }) => {
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
        watch.measured(name, dimensions);
        for (const listener of world.onMeasure) listener(name, value, dimensions);
      },
      flush: async () => {},
    },
    table: {
      get: (key) => call({ process, target: 'table', method: 'get', effect: () => table.get(key), detail: () => key }),
      put: (item, expected) =>
        call({
          process,
          target: 'table',
          method: 'put',
          effect: async () => {
            const answer = await table.put(item, expected);
            if (answer === 'written') watch.stored(item);
            return answer;
          },
          detail: () => `${item.key} v${expected}+1 ${describe(item)}`,
        }),
      update: (key, change) =>
        call({
          process,
          target: 'table',
          method: 'update',
          effect: async () => {
            const item = await table.update(key, change);
            if (item) watch.stored(item);
            return item;
          },
          detail: () => `${key} ${JSON.stringify(change.set)}`,
        }),
      delete: (key, expected) =>
        call({
          process,
          target: 'table',
          method: 'delete',
          effect: async () => {
            const answer = await table.delete(key, expected);
            if (answer === 'deleted') watch.removed(key);
            return answer;
          },
          detail: () => key,
        }),
      due: (todo, options) =>
        call({ process, target: 'table', method: 'due', effect: () => table.due(todo, options), detail: () => todo }),
      count: (todo, options) =>
        call({
          process,
          target: 'table',
          method: 'count',
          effect: () => table.count(todo, options),
          detail: () => todo,
        }),
      hour: (hour, options) =>
        call({ process, target: 'table', method: 'hour', effect: () => table.hour(hour, options), detail: () => hour }),
      group: (group, options) =>
        call({
          process,
          target: 'table',
          method: 'group',
          effect: () => table.group(group, options),
          detail: () => group,
        }),
    },
    objects: {
      put: (key, body, contentType) =>
        call({
          process,
          target: 'objects',
          method: 'put',
          effect: () => {
            watch.kept(key, body);
            return objects.put(key, body, contentType);
          },
          detail: () => key,
        }),
      create: (key, ...object) =>
        call({
          process,
          target: 'objects',
          method: 'create',
          effect: async () => {
            const answer = await objects.create(key, ...object);
            if (answer === 'created') watch.kept(key, object[0]);
            if (answer === 'created' && key.endsWith(DATA_SUFFIX)) watch.effect('object', key, true);
            return answer;
          },
          detail: () => key,
        }),
      replace: (key, ...object) =>
        call({
          process,
          target: 'objects',
          method: 'replace',
          effect: async () => {
            const answer = await objects.replace(key, ...object);
            if (answer === 'replaced') watch.kept(key, object[0]);
            return answer;
          },
          detail: () => key,
        }),
      get: (key) =>
        call({ process, target: 'objects', method: 'get', effect: () => objects.get(key), detail: () => key }),
      read: (key) =>
        call({ process, target: 'objects', method: 'read', effect: () => objects.read(key), detail: () => key }),
      delete: (key) =>
        call({ process, target: 'objects', method: 'delete', effect: () => objects.delete(key), detail: () => key }),
      list: (prefix, options) =>
        call({
          process,
          target: 'objects',
          method: 'list',
          effect: () => objects.list(prefix, options),
          detail: () => prefix,
        }),
    },
    events: {
      publish: (completion) =>
        call({
          process,
          target: 'events',
          method: 'publish',
          effect: () => stores.events.publish(completion),
          detail: () => completion.id,
        }),
    },
    topic: {
      publish: (fact) =>
        call({
          process,
          target: 'events',
          method: 'tell',
          effect: async () => {
            for (const listener of world.onFact) listener(fact);
          },
          detail: () => `${fact.fact} ${fact.subject} ${fact.on ? 'on' : 'over'}`,
        }),
    },
    queues: {
      send: (url, message) =>
        call({
          process,
          target: 'queues',
          method: 'send',
          effect: async () => {
            const sent = await queues.send(url, message);
            sentOut(url, message, sent);
            return sent;
          },
          detail: () => `${short(url)} group ${message.groupId} deduplication ${message.deduplicationId}`,
        }),
      sendBatch: (url, messages) =>
        call({
          process,
          target: 'queues',
          method: 'sendBatch',
          effect: async () => {
            const entries = await (plan.approximate ? sendPart : queues.sendBatch)(url, messages);
            for (const [index, message] of messages.entries()) {
              const entry = entries[index];
              if (entry?.sent) sentOut(url, message, entry);
            }
            return entries;
          },
          detail: () => `${short(url)} ${messages.map(({ deduplicationId }) => deduplicationId).join(', ')}`,
        }),
      receive: (url, options) =>
        call({
          process,
          target: 'queues',
          method: 'receive',
          effect: () => (plan.approximate ? receivePart(url, options) : queues.receive(url, options)),
          detail: () => short(url),
        }),
      changeVisibility: (url, receiptHandle, seconds) =>
        call({
          process,
          target: 'queues',
          method: 'changeVisibility',
          effect: () => queues.changeVisibility(url, receiptHandle, seconds),
          detail: () => `${messageOf(receiptHandle)} ${seconds} s`,
        }),
      changeVisibilityBatch: (url, receiptHandles, seconds) =>
        call({
          process,
          target: 'queues',
          method: 'changeVisibilityBatch',
          effect: () => queues.changeVisibilityBatch(url, receiptHandles, seconds),
          detail: () => `${receiptHandles.map(messageOf).join(' ')} ${seconds} s`,
        }),
      delete: (url, receiptHandle) =>
        call({
          process,
          target: 'queues',
          method: 'delete',
          effect: () => queues.delete(url, receiptHandle),
          detail: () => `${short(url)} ${messageOf(receiptHandle)}`,
        }),
      depth: (url) =>
        call({
          process,
          target: 'queues',
          method: 'depth',
          effect: async () => {
            const { visible, inFlight } = await queues.depth(url);
            return { visible: plan.approximate ? Math.max(0, visible + chance.between(-1, 1)) : visible, inFlight };
          },
          detail: () => short(url),
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

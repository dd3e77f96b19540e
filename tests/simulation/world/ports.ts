import { rowOf } from '../../../lib/engine/jobs/row-schema';
import type {
  BatchQueues,
  Change,
  Facts,
  Item,
  OutgoingMessage,
  Queues,
  SentMessage,
} from '../../../lib/platform/ports';
import { DATA_SUFFIX } from '../../../lib/queues/analytics/keys';
import { through } from './acts';
import type { Process } from './calls';
import type { Target } from './faults';
import type { Ports, World } from './types';

export function portsOf(world: World, process: Process): Ports {
  const { call, kernel, chance, watch, plan, stores } = world;
  const { table, objects, queues } = stores;

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

  const to = <T>(target: Target, method: string, effect: () => Promise<T>, detail: () => string): Promise<T> =>
    call({ process, target, method, effect, detail });

  /** The port, of which each method is a call. Both ways to read an object are the same one. */
  const calling = <Port extends object>(target: Target, port: Port): Port =>
    through(port, (name, effect, given) => {
      const method = name === 'readChanged' ? 'read' : name;
      const detailOf = DETAILS[`${target}.${method}`] ?? nameOf;
      return to(target, method, effect, () => detailOf(...given));
    });

  return {
    clock: {
      now: () => kernel.now() + process.skew,
      sleep: (ms) =>
        new Promise((resolve) => void kernel.setTimeout(() => process.alive && resolve(), Math.max(0, ms))),
    },
    random: chance,
    log: { info: line('info'), warn: line('warn'), error: line('error') },
    metrics: {
      add: (name, value, _unit, dimensions) => {
        if (!process.alive) return;
        watch.measured(name, dimensions);
        for (const listener of world.onMeasure) listener(name, value, dimensions);
      },
      flush: async () => {},
    },
    table: calling('table', {
      ...table,
      put: async (item, expected) => {
        const answer = await table.put(item, expected);
        if (answer === 'written') watch.stored(item as Item);
        return answer;
      },
      update: async (key, change) => {
        const item = await table.update(key, change);
        if (item) watch.stored(item);
        return item;
      },
      delete: async (key, expected) => {
        const answer = await table.delete(key, expected);
        if (answer === 'deleted') watch.removed(key);
        return answer;
      },
    }),
    objects: calling('objects', {
      ...objects,
      put: (key, body, contentType) => {
        watch.kept(key, body);
        return objects.put(key, body, contentType);
      },
      create: async (key, ...object) => {
        const answer = await objects.create(key, ...object);
        if (answer === 'created') watch.kept(key, object[0]);
        if (answer === 'created' && key.endsWith(DATA_SUFFIX)) watch.effect('object', key, true);
        return answer;
      },
      replace: async (key, ...object) => {
        const answer = await objects.replace(key, ...object);
        if (answer === 'replaced') watch.kept(key, object[0]);
        return answer;
      },
    }),
    events: {
      publish: (completion) => {
        watch.shown('an event on the bus', completion);
        const publish = async () => watch.publish(completion);
        return to('events', 'publish', publish, () => completion.id);
      },
    },
    topic: {
      publish: (fact) => {
        const tell = async () => {
          watch.shown('a message in the chat', fact);
          for (const listener of world.onFact) listener(fact);
        };
        return to('events', 'tell', tell, () => `${fact.fact} ${fact.subject} ${fact.on ? 'on' : 'over'}`);
      },
    },
    queues: calling('queues', {
      ...queues,
      send: async (url, message) => {
        const sent = await queues.send(url, message);
        sentOut(url, message, sent);
        return sent;
      },
      sendBatch: async (url, messages) => {
        const entries = await (plan.approximate ? sendPart : queues.sendBatch)(url, messages);
        for (const [index, message] of messages.entries()) {
          const entry = entries[index];
          if (entry?.sent) sentOut(url, message, entry);
        }
        return entries;
      },
      receive: plan.approximate ? receivePart : queues.receive,
      depth: async (url) => {
        const { visible, inFlight } = await queues.depth(url);
        return { visible: plan.approximate ? Math.max(0, visible + chance.between(-1, 1)) : visible, inFlight };
      },
    }),
  };
}

const short = (url: string): string => url.slice(url.lastIndexOf('/') + 1);
/** The key, or the name of the queue. */
const nameOf = (first: string): string => (first.startsWith('https://') ? short(first) : first);

/** What the trace says of calls about which their first parameter says too little. */
const DETAILS: Record<string, (...given: never[]) => string> = {
  'table.put': (item: Item, expected: number) => `${item.key} v${expected}+1 ${describe(item)}`,
  'table.update': (key: string, { set }: Change) => `${key} ${JSON.stringify(set)}`,
  'table.todos': () => '',
  'queues.send': (url: string, { groupId, deduplicationId }: OutgoingMessage) =>
    `${short(url)} group ${groupId} deduplication ${deduplicationId}`,
  'queues.sendBatch': (url: string, messages: readonly OutgoingMessage[]) =>
    `${short(url)} ${messages.map(({ deduplicationId }) => deduplicationId).join(', ')}`,
  'queues.changeVisibility': (_url: string, handle: string, seconds: number) => `${messageOf(handle)} ${seconds} s`,
  'queues.changeVisibilityBatch': (_url: string, handles: readonly string[], seconds: number) =>
    `${handles.map(messageOf).join(' ')} ${seconds} s`,
  'queues.delete': (url: string, handle: string) => `${short(url)} ${messageOf(handle)}`,
};

/** The model's receipt handles contain the message id. */
const messageOf = (receiptHandle: string): string =>
  Buffer.from(receiptHandle, 'base64').toString().split(' ')[1]?.slice(-4) ?? '';

function describe(item: Item): string {
  if (!('payloadHash' in item)) return '';
  const { state, reason, attempts, crashes, steps } = rowOf(item, Number.POSITIVE_INFINITY);
  const taken = Object.entries(steps).map(([name, { status }]) => `${name}:${status}`);
  return `${state}${reason ? `(${reason})` : ''} attempts ${attempts} crashes ${crashes} ${taken.join(' ')}`;
}

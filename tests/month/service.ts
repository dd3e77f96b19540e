import { readFileSync } from 'node:fs';
import type { SQSEvent } from 'aws-lambda';
import { parse } from 'yaml';
import { rhythmOf } from '../../handlers/startup/reconciler';
import { queueName, queueUrl, recordFolder, todoKey } from '../../lib/engine/jobs/keys';
import { createLedger } from '../../lib/engine/jobs/ledger';
import { reconcile } from '../../lib/engine/reconcile/reconcile';
import { handleBatch } from '../../lib/engine/worker/batch';
import { circuitBreakers } from '../../lib/engine/worker/circuit';
import type { QueueContract, WorkerDeps } from '../../lib/engine/worker/contract';
import { sharedRate } from '../../lib/mail/rate';
import { suppressionList } from '../../lib/mail/suppression';
import { notify } from '../../lib/operate/alarms/notify';
import { discard } from '../../lib/operate/ops/act';
import type { QueueSettings } from '../../lib/platform/config/functions';
import { ignoreStoreError, StoreError } from '../../lib/platform/errors';
import type { BatchQueues, Facts, Objects, Queues, Table } from '../../lib/platform/ports';
import { writeHours } from '../../lib/queues/analytics/hours';
import { analyticsContract } from '../../lib/queues/analytics/process';
import { CAMPAIGN_CHUNK, campaigns } from '../../lib/queues/emails/campaigns/campaign';
import { takeEvents } from '../../lib/queues/emails/events/webhook';
import { emailsContract } from '../../lib/queues/emails/process';
import { feedbackContract, mailLimit } from '../../lib/queues/feedback/process';
import { MAIL_STEPS } from '../../lib/queues/queues';
import { createCommands } from '../../lib/queues/testflight/commands';
import { testflightContract } from '../../lib/queues/testflight/process';
import { queueWorks } from '../../lib/queues/works';
import { createEventSourceMapping } from '../../packages/local/event-source-mapping';
import type { InvokeResult } from '../../packages/local/lambda/runtime';
import { ACCOUNT, REGION } from '../../packages/local/loopback';
import { createSqsModel } from '../../packages/local/sqs/model';
import { verifyYesterday } from '../../packages/verify/instance';
import type { Used } from '../../resources/cost';
import { readInstance } from '../../resources/instances/read';
import { valuesOf } from '../../resources/values';
import { through } from '../simulation/world/acts';
import { createChance } from '../simulation/world/chance';
import { createKernel } from '../simulation/world/kernel';
import { hashPeople } from '../support/hash-people';
import { memoryObjects } from '../support/memory-objects';
import { memoryQueues } from '../support/memory-queues';
import { memoryTable } from '../support/memory-table';
import { createQueuePair } from '../support/queue-pair';
import { DAY_MS, MINUTE_MS, startOf, type Trouble } from './calendar';
import { createCloudwatch } from './cloudwatch';
import { createVendors } from './vendors';
import { storedClients } from './verifier';

/** The first of May 2026, a Friday. */
export const BEGIN = Date.UTC(2026, 4, 1);
const INSTANCE = 'mht-api';
/** How long a call takes: DynamoDB's and SQS's usual answer, and S3's for a small object. */
const CALL_MS: Record<string, number> = { table: 5, queues: 10, objects: 30 };
const COLD_START_MS = 600;
/** The first deployment was before: its alarms have come to rest. */
const FIRST_MS = 10 * MINUTE_MS;
const HOURS_EVERY_MS = 15 * MINUTE_MS;
/** Of a day, UTC: 03:17. */
const NIGHTLY_MS = 197 * MINUTE_MS;

const { provider, functions } = parse(readFileSync('serverless.yml', 'utf8'), { logLevel: 'error' }) as {
  provider: { memorySize: number };
  functions: Record<string, { memorySize?: number }>;
};
const memoryGb = (name: string): number => (functions[name]?.memorySize ?? provider.memorySize) / 1_024;

/** A message in the chat, as the channel shows it. */
export interface Chat {
  at: number;
  title: string;
  text: string;
}

const count = (used: Used, what: string, by = 1): void => {
  used[what] = (used[what] ?? 0) + by;
};

interface Options {
  seed: number;
  trouble: readonly Trouble[];
  onMails: Parameters<typeof createVendors>[0]['onMails'];
}

/**
 * The instance of the first client on a virtual clock: its settings, the code of its functions with the ports in memory,
 * models of SQS, Lambda's pollers and CloudWatch, and the vendors' models.
 */
export function startService({ seed, trouble, onMails }: Options) {
  const instance = readInstance(INSTANCE);
  const values = valuesOf(instance);
  const settingsOf = JSON.parse(values.queueSettings) as Record<string, QueueSettings>;
  const settings = (queue: string) => settingsOf[queue] as QueueSettings;
  const kernel = createKernel(BEGIN);
  const chance = createChance(seed);
  const now = kernel.now;
  const sleep = (ms: number) => new Promise<void>((resolve) => void kernel.setTimeout(resolve, Math.max(0, ms)));
  const clock = { now, sleep };
  const cloudwatch = createCloudwatch(instance);
  const sqs = createSqsModel({ now, uuid: chance.uuid });
  const used = new Map<string, Used>();
  const usedBy = (name: string): Used => {
    const found = used.get(name) ?? {};
    used.set(name, found);
    return found;
  };
  /** Who made the call that the table answers now. */
  let caller = usedBy('api');
  const chat: Chat[] = [];
  const errors = new Map<string, number>();
  const stores = {
    table: memoryTable({
      used: ({ reads = 0, writes = 0 }) => {
        count(caller, 'readUnits', reads);
        count(caller, 'writeUnits', writes);
      },
    }),
    objects: memoryObjects(),
    queues: memoryQueues(sqs),
  };

  const active = (fits: (one: Trouble) => boolean): Trouble | undefined =>
    trouble.find((one) => {
      const from = BEGIN + startOf(one);
      return fits(one) && now() >= from && now() < from + one.minutes * MINUTE_MS;
    });

  const vendors = createVendors({
    ...{ instance: INSTANCE, now, sleep, chance, onMails },
    trouble: (vendor) => active((one) => one.vendor === vendor),
  });

  async function call<T>(by: Used, port: string, name: string, effect: () => Promise<T>): Promise<T> {
    count(by, name);
    await sleep(CALL_MS[port] ?? 0);
    const refuses = port === 'table' ? (active((one) => one.tableRefuses !== undefined)?.tableRefuses ?? 0) : 0;
    if (chance.fraction() < refuses)
      throw new StoreError({ code: 'DynamoDB.ThrottlingException', message: 'the table refuses', status: 400 });
    caller = by;
    return effect();
  }
  const { keys: _keys, bytes: _bytes, text: _text, contentType: _type, metadata: _meta, ...bucket } = stores.objects;
  const { item: _item, items: _items, writes: _writes, ...table } = stores.table;
  /** The ports and the log of a function. */
  function portsOf(name: string) {
    const by = usedBy(name);
    const calling = <P extends object>(port: string, of: P): P => {
      const names = new Map(Object.keys(of).map((method) => [method, `${port}.${method}`]));
      return through(of, (method, effect) => call(by, port, names.get(method) ?? method, effect));
    };
    const line = (message: string, facts: Facts = {}) => {
      count(by, 'logBytes', 150 + message.length + JSON.stringify(facts).length);
      if (facts.code !== undefined) errors.set(String(facts.code), (errors.get(String(facts.code)) ?? 0) + 1);
    };
    return {
      table: calling<Table>('table', table),
      objects: calling<Objects>('objects', bucket),
      queues: calling<Queues & BatchQueues>('queues', stores.queues),
      log: { info: line, warn: line, error: line },
    };
  }
  const metrics = {
    add: (name: string, value: number, _unit: unknown, dimensions: Record<string, string>) =>
      cloudwatch.add(INSTANCE, name, dimensions, value, now()),
    flush: async () => {},
  };
  const urlOf = (queue: string, suffix = '') => {
    const name = queueName(INSTANCE, queue, settings(queue).type);
    return queueUrl(REGION, ACCOUNT, suffix === '' ? name : name.replace(/(\.fifo)?$/, `${suffix}$1`));
  };

  /** What a process of a function has. Each process knows the circuits by itself. */
  function processDeps(name: string) {
    const { log, ...ports } = portsOf(name);
    const own = { ...ports, clock, random: chance };
    const circuits = circuitBreakers(own);
    const deps: WorkerDeps & { table: Table; queueUrl: (queue: string) => string } = {
      ...own,
      ...{ circuits, settings, log, metrics },
      ledger: createLedger({ ...own, settings }),
      ...{ bucket: 'bucket', prefix: instance.prefix },
      retryWaits: instance.waits.retry as [number, number],
      storeWait: instance.waits.store,
      queueUrl: (queue) => urlOf(queue),
      dlqUrl: (queue) => urlOf(queue, '-dlq'),
    };
    const suppression = suppressionList({ ...deps, hashPeople });
    const mail = {
      sendgrid: vendors.sendgrid,
      rate: sharedRate(
        { ...own, rate: Number(instance.sendgrid.rate ?? 100), override: () => circuits.rate('sendgrid') },
        'sendgrid',
      ),
      clock,
    };
    return { deps, suppression, mail };
  }

  const from = { email: 'support@example.com' };
  const contracts: Record<string, (of: ReturnType<typeof processDeps>) => QueueContract> = {
    feedback: ({ deps, mail }) =>
      feedbackContract({
        ...{ objects: deps.objects, hashPeople, zendesk: vendors.zendesk, ...mail },
        mayConfirm: mailLimit({ ...deps, hashPeople }),
        config: {
          ...{ prefix: deps.prefix, tags: ['app'], from, brand: 'Example' },
          confirmationWaitMs: instance.waits.confirmation * 1000,
        },
      }),
    emails: ({ deps, mail, suppression }) =>
      emailsContract({ ...deps, ...mail, campaigns: campaigns(deps), suppression, senderDomains: [] }),
    testflight: ({ deps, mail }) =>
      testflightContract({
        ...{ appStoreConnect: vendors.apple, ...mail },
        commands: createCommands({ ...deps, hashPeople, settleAfterMs: 30_000 }),
        config: {
          ...{ apps: [], from, brand: 'Example' },
          notificationWaitMs: instance.waits.notification * 1000,
        },
      }),
    analytics: ({ deps }) => analyticsContract({ objects: deps.objects, metrics, prefix: deps.prefix }),
  };

  /** Warm processes by function. A deployment replaces all of them. */
  let warm = new Map<string, ReturnType<typeof processDeps>[]>();

  /** Runs a function: in a warm process, or after a cold start. */
  async function invoke<T>(
    name: string,
    act: (of: ReturnType<typeof processDeps> & { contract?: QueueContract }) => Promise<T>,
  ): Promise<T> {
    const begun = now();
    const pool = warm;
    const found = pool.get(name)?.pop();
    if (!found) await sleep(COLD_START_MS);
    const own = found ?? processDeps(name);
    try {
      return await act(own);
    } catch (error) {
      cloudwatch.add('AWS/Lambda', 'Errors', { FunctionName: `${INSTANCE}-${name}` }, 1, now());
      throw error;
    } finally {
      const by = usedBy(name);
      count(by, 'invocations');
      count(by, 'gbSeconds', ((now() - begun) / 1_000) * memoryGb(name));
      pool.set(name, [...(pool.get(name) ?? []), own]);
    }
  }

  /** Whether Lambda starts nothing. It counts a throttle then. */
  function isThrottled(name: string): boolean {
    const is = active((one) => one.throttled === true) !== undefined;
    if (is) cloudwatch.add('AWS/Lambda', 'Throttles', { FunctionName: `${INSTANCE}-${name}` }, 1, now());
    return is;
  }

  const made = new WeakMap<object, QueueContract>();
  for (const row of instance.rows) {
    const { main } = createQueuePair(sqs, { instance: INSTANCE, queue: row.name }, settings(row.name));
    const work = async (event: SQSEvent): Promise<InvokeResult> => {
      if (isThrottled(row.name)) return { kind: 'throttled' };
      // A chunk of a campaign costs more than a single mail, so the bill needs both.
      const isChunk = event.Records.some(({ body }) => body.includes(CAMPAIGN_CHUNK));
      const value = await invoke(isChunk ? 'chunks' : row.name, (of) => {
        const contract = made.get(of) ?? contracts[row.name]?.(of);
        if (!contract) throw new Error(`there is no queue ${row.name}`);
        made.set(of, contract);
        return handleBatch({ deps: of.deps, contract, event, remainingMs: row.timeout * 1000 });
      });
      return { kind: 'answer', value };
    };
    const { batch: batchSize, concurrency: maximumConcurrency } = row;
    createEventSourceMapping({ sqs, queue: main, batchSize, maximumConcurrency, invoke: work, timers: kernel }).start();
  }

  const dlqDepths = JSON.parse(values.dlqDepths) as Record<string, number>;
  const queueNames = instance.rows.map(({ name }) => name);
  const guard = JSON.parse(values.guard);
  const alarms = processDeps('alarms');

  /** SNS gives a message to the alarms function, which writes to the chat. */
  function tell(Message: string, Subject = ''): void {
    const discord = {
      send: async ({ embeds: [embed] }: { embeds: { title: string; description?: string }[] }) =>
        void chat.push({ at: now(), title: embed?.title ?? '', text: embed?.description ?? '' }),
    };
    const deps = {
      ...{ instance: INSTANCE, stage: 'prod', region: REGION, runbook: '', queues: queueNames },
      ...{ table: alarms.deps.table, clock, random: chance, log: alarms.deps.log, discord },
      ...{ undelivered: alarms.deps.queues, undeliveredUrl: '' },
    };
    const left = now() + 30_000;
    void invoke('alarms', () =>
      notify(deps, { Message, Subject, MessageId: chance.uuid() }, { remainingMs: () => left - now() }),
    );
  }

  const topicOf = (rules: { overAfterMs: number; dlqDepth: (queue: string) => number }) => ({
    publish: async (fact: Facts) => tell(JSON.stringify(fact)),
    ...rules,
  });

  const { stayMs, canaryMs } = rhythmOf({ RECONCILE_EVERY: 60, CANARY_EVERY: instance.canaryEvery });
  async function reconcilerRun(): Promise<void> {
    if (isThrottled('reconciler')) return;
    await invoke('reconciler', ({ deps, suppression }) =>
      reconcile(
        {
          ...{ ...deps, queueNames, works: queueWorks({ guard, suppression }) },
          topic: topicOf({ overAfterMs: 15 * MINUTE_MS, dlqDepth: (queue) => dlqDepths[queue] ?? 1 }),
        },
        { remainingMs: instance.functions.reconciler.timeout * 1000, stayMs, canaryMs },
      ),
    ).catch(ignoreStoreError);
  }

  async function hoursRun(): Promise<void> {
    const MIB = 1024 * 1024;
    const sizes = { onePartBytes: 64 * MIB, mostBytes: 600 * MIB, mostObjects: 1_000_000, block: 256 };
    await invoke('hours', ({ deps }) => writeHours({ ...deps, ...sizes, columns: [] }, { remainingMs: 300_000 })).catch(
      ignoreStoreError,
    );
  }

  const verifierQueues = instance.rows.map(({ name, type }) => ({
    ...{ name, fifo: type === 'fifo', records: recordFolder(instance.prefix, name).slice(instance.prefix.length + 1) },
    ...{ retentionMs: settings(name).retention * 1_000, dlqRetentionMs: settings(name).dlqRetention * 1_000 },
  }));
  async function nightlyCheck(): Promise<void> {
    const by = usedBy('verify');
    const clients = storedClients({ ...stores, sqs }, async (name, readUnits = 0) => {
      count(by, name);
      count(by, 'readUnits', readUnits);
      await sleep(CALL_MS[name.split('.')[0] ?? ''] ?? 0);
    });
    const source = {
      ...{ ...clients, instance: INSTANCE, table: 'table', bucket: 'bucket', prefix: instance.prefix },
      ...{ queues: verifierQueues, now },
    };
    await invoke('verify', ({ deps }) =>
      verifyYesterday({ ...deps, topic: topicOf({ overAfterMs: 0, dlqDepth: () => 1 }) }, source, {
        remainingMs: 900_000,
      }),
    ).catch(ignoreStoreError);
  }

  /** What SQS says about its queues each minute. */
  function measureQueues(): void {
    for (const { name, type } of instance.rows) {
      const main = queueName(INSTANCE, name, type);
      const dlq = main.replace(/(\.fifo)?$/, '-dlq$1');
      const waiting = sqs.messages(main);
      const oldest = waiting.reduce((time, { sentAt }) => Math.min(time, sentAt), now());
      const of = (queue: string, metric: string, value: number) =>
        cloudwatch.add('AWS/SQS', metric, { QueueName: queue }, value, now() - 1);
      of(main, 'ApproximateAgeOfOldestMessage', (now() - oldest) / 1000);
      of(dlq, 'ApproximateNumberOfMessagesVisible', sqs.messages(dlq).length);
      of(dlq, 'ApproximateNumberOfMessagesNotVisible', 0);
    }
  }

  function everyMinute(): void {
    measureQueues();
    if (now() >= BEGIN + FIRST_MS)
      for (const change of cloudwatch.evaluate(now())) if (change.to !== 'INSUFFICIENT_DATA') tell(change.body);
    void reconcilerRun();
    kernel.setTimeout(everyMinute, MINUTE_MS);
  }
  function everyQuarter(): void {
    void hoursRun();
    kernel.setTimeout(everyQuarter, HOURS_EVERY_MS);
  }
  function everyNight(): void {
    void nightlyCheck();
    kernel.setTimeout(everyNight, DAY_MS);
  }
  kernel.setTimeout(everyMinute, MINUTE_MS);
  kernel.setTimeout(everyQuarter, HOURS_EVERY_MS);
  kernel.setTimeout(everyNight, DAY_MS + NIGHTLY_MS);

  return {
    ...{ instance, kernel, chance, clock, now, sleep, sqs, stores, vendors, cloudwatch, chat, settings, queueNames },
    ...{ used, errors, portsOf, urlOf, verifierQueues },
    /** A process outside of Lambda, such as the API. */
    outside: (name: string) => processDeps(name).deps,
    webhook: (events: readonly unknown[]) =>
      invoke('email-events', ({ deps, suppression }) =>
        takeEvents({ ...deps, instance: INSTANCE, mailSteps: MAIL_STEPS, suppression }, events),
      ),
    /** An operator looks at the dead jobs of a queue, and discards them. */
    discardDead: async (queue: string) => {
      const { deps, suppression } = processDeps('operator');
      const works = queueWorks({ guard, suppression });
      for (const { key } of await deps.table.due(todoKey(queue, 'dead'), { until: now(), limit: 100 })) {
        const row = await deps.ledger.get(key);
        if (row) await discard({ ...deps, queueNames, works, hashPeople, audit: 'operator' }, row);
      }
    },
    deploy: () => {
      warm = new Map();
    },
  };
}

export type Service = ReturnType<typeof startService>;

import { definitionOf } from '../../lib/alarms/judge/definition';
import { createMetricStore } from '../../lib/alarms/judge/metric-store';
import { keptMinutes } from '../../lib/alarms/measurements';
import type { AlarmChange } from '../../lib/alarms/notification';
import type { AlarmSpec } from '../../lib/alarms/specs/spec';
import { alarmSpecs, type Watched } from '../../lib/alarms/specs/specs';
import { functionName, queueName, queueUrl, todoKey } from '../../lib/jobs/keys';
import { createTally } from '../../lib/jobs/tally';
import { createAlarmWatch } from '../../lib/local/alarms/watch';
import { judgeAlarms } from '../../lib/reconcile/incidents';
import type { Monitor } from '../../lib/reconcile/monitor';
import { createNoted } from '../../lib/reconcile/noted';
import { leanMetrics } from '../../lib/startup/metrics';
import { memoryEngine } from './engine';
import { queueRow } from './queue-row';
import { sampleContract } from './sample-contract';

export const MINUTE = 60_000;
const RETENTION = 604_800;
const ACCOUNT = '123456789012';
const REGION = 'eu-central-1';

const QUEUES = ['feedback', 'emails', 'testflight', 'analytics'];

/** An instance with all queues and functions, as production has it. */
export const WATCHED: Watched = {
  instance: 'acme',
  rows: QUEUES.map((name) => queueRow(name)),
  functions: [...QUEUES, 'reconciler', 'emailEvents', 'compaction', 'alarms'].map((key) => ({
    ...{ key, name: functionName('acme', key), timeout: 45, worker: QUEUES.includes(key), reserved: false },
  })),
  canaryMinutes: 5,
};

export const FULL = alarmSpecs(WATCHED, 'full').ofAws;
export const LEAN = alarmSpecs(WATCHED, 'lean');

/** A message to the alarm topic, and when it was published. */
export interface Published {
  at: number;
  change: AlarmChange;
}

/** Something that watches one alarm, minute by minute. `values`: the alarm's metrics in that minute, by id. */
export interface World {
  minute(values: Record<string, number | undefined>): Promise<void>;
  published: Published[];
}

const START = Date.UTC(2026, 0, 2, 3, 0, 0);

/** CloudWatch watches the alarm. */
export function fullWorld(spec: AlarmSpec): World {
  const alarm = { ...definitionOf(spec, { instance: 'acme', runbook: '' }), alarmActions: ['t'], okActions: ['t'] };
  const store = createMetricStore();
  const watch = createAlarmWatch({ alarms: [alarm], store, region: REGION, account: ACCOUNT });
  const published: Published[] = [];
  let now = START;
  return {
    published,
    async minute(values) {
      for (const [id, value] of Object.entries(values)) {
        const metric = alarm.metrics[id];
        if (metric && value !== undefined) store.put(metric, value, now + MINUTE / 2);
      }
      now += MINUTE;
      for (const { message } of watch.look(now))
        if (message.OldStateValue !== 'INSUFFICIENT_DATA') published.push({ at: now, change: message });
    },
  };
}

/**
 * The reconciler evaluates the alarm once a minute: from the tallies of the functions, the depths that SQS answers, and
 * the ages of the rows. `of`: the alarm with full monitoring, whose metrics the values name.
 */
export function leanWorld(judged: AlarmSpec, of: AlarmSpec): World {
  const engine = memoryEngine(() => sampleContract().contract);
  const { clock, table } = engine;
  clock.advance(START - clock.now());
  const published: Published[] = [];
  const depths = new Map<string, number>();
  const depthOf = (name: string) => ({
    visible: depths.get(`${name} ApproximateNumberOfMessagesVisible`) ?? 0,
    inFlight: depths.get(`${name} ApproximateNumberOfMessagesNotVisible`) ?? 0,
  });
  const deps = {
    ...engine.deps,
    queueNames: QUEUES,
    settings: () => ({ ...engine.deps.settings('feedback'), retention: RETENTION }),
    queueUrl: (queue: string) => queueUrl(REGION, ACCOUNT, queueName('acme', queue, 'fifo')),
    dlqUrl: (queue: string) => queueUrl(REGION, ACCOUNT, `acme-${queue}-dlq.fifo`),
    queues: { ...engine.deps.queues, depth: async (url: string) => depthOf(url.slice(url.lastIndexOf('/') + 1)) },
  };
  const monitor: Monitor = {
    ...{ instance: 'acme', account: ACCOUNT, region: REGION, topic: 'topic', runbook: '', judged: [judged] },
    functions: ['acme-feedback'],
    topics: {
      publish: async (_topic, { text }) => void published.push({ at: clock.now(), change: JSON.parse(text) }),
    },
    dlqAlarm: () => undefined,
  };
  const tally = createTally(deps, { name: 'acme-feedback', keepMinutes: keptMinutes(5) });
  const metrics = leanMetrics({ log: { add: () => {}, flush: async () => {} }, tally });

  async function put(key: string, todo: string, todoAt: number): Promise<void> {
    await table.put(
      { key, version: (table.item(key)?.version ?? 0) + 1, writer: '', todo, todoAt },
      table.item(key)?.version ?? 0,
    );
  }

  async function measure(id: string, value: number): Promise<void> {
    const metric = of.metrics[id];
    if (!metric) throw new Error(`the alarm has no metric ${id}`);
    const { namespace, name, dimensions } = metric;
    const queueOf = /^acme-(\w+?)(-dlq)?\.fifo$/.exec(dimensions.QueueName ?? '');
    const [, queue = '', dlq] = queueOf ?? [];
    if (namespace !== 'AWS/SQS') metrics.add(name, value, 'Count', dimensions);
    else if (name === 'NumberOfMessagesDeleted') metrics.add('JobsSucceeded', value, 'Count', { queue });
    else if (name !== 'ApproximateAgeOfOldestMessage') depths.set(`${dimensions.QueueName} ${name}`, value);
    else if (dlq) await put(`${queue}#dead-job`, todoKey(queue, 'dead'), clock.now() - value * 1000);
    else
      await put(
        `${queue}#waiting-job`,
        todoKey(queue, 'waiting'),
        clock.now() - value * 1000 + RETENTION * 1000 + 60 * MINUTE,
      );
  }

  return {
    published,
    async minute(values) {
      clock.advance(MINUTE / 2);
      for (const [id, value] of Object.entries(values)) if (value !== undefined) await measure(id, value);
      await metrics.flush();
      await judgeAlarms(deps, monitor, createNoted());
      clock.advance(MINUTE / 2);
    },
  };
}

/** The measurements that the evaluated alarms read, with the minutes for which each looks back. */
export const lookedBack = (): Record<string, number> => {
  const minutes: Record<string, number> = {};
  for (const { metrics, period, periods = 1 } of LEAN.judged)
    for (const { name } of Object.values(metrics))
      minutes[name] = Math.max(minutes[name] ?? 0, (period * periods) / 60);
  return minutes;
};

import type { AlarmState } from '../../alarms/judge/evaluate';
import type { MetricStore } from '../../alarms/judge/metric-store';
import type { Lambda } from '../lambda/runtime';
import { SCHEDULE_MINUTE_MS } from '../schedule';
import type { SqsModel } from '../sqs/types';
import type { Declared } from '../template/declared';
import type { Resource, Surroundings } from '../template/intrinsics';
import { resolver } from '../template/intrinsics';
import type { Timers } from '../timers';
import { alarmDefinitions } from './definitions';
import { takeQueue } from './sources';
import { createTopics, type Message, subscribers } from './topics';
import { createAlarmWatch } from './watch';

export interface LocalAlarms {
  state(name: string): AlarmState;
  ringing(): { name: string; since: number }[];
  /** Publishes to a topic of the template, as SNS does. */
  publish(message: Message): void;
  stop(): Promise<void>;
}

/** `sls queues` shows the last hour. */
const KEEP_MS = 60 * 60_000;

/**
 * Watches the template's alarms over the metrics of this machine, where a minute takes two seconds. An alarm invokes
 * the functions that subscribe to its topics.
 */
export function startAlarms({
  surroundings,
  declared,
  sqs,
  lambda,
  store,
  timers,
}: {
  surroundings: Surroundings & { resources: Record<string, Resource> };
  declared: Declared;
  sqs: SqsModel;
  lambda: Pick<Lambda, 'invoke'>;
  store: MetricStore;
  timers: Timers;
}): LocalAlarms {
  const { resources, region, account } = surroundings;
  const resolve = resolver(surroundings);
  const keys = new Map(declared.functions.map(({ arn, key }) => [arn, key]));
  const topics = createTopics({
    subscribers: subscribers(resources, resolve),
    invoke: (arn, event) => lambda.invoke(keys.get(arn) ?? arn, event),
    keep: (queueArn, MessageBody) => void sqs.sendMessage({ QueueUrl: queueArn, MessageBody }),
    timers,
    minuteMs: SCHEDULE_MINUTE_MS,
  });
  const alarms = alarmDefinitions(resources, resolve);
  const secondMs = SCHEDULE_MINUTE_MS / 60;
  const watch = createAlarmWatch({ alarms, store, region, account, secondMs, keepMs: KEEP_MS });

  // Count the time in steps, even if a timer is late, so that each period has one sample of each queue.
  let now = timers.now() + SCHEDULE_MINUTE_MS;
  let handle = timers.setTimeout(look, SCHEDULE_MINUTE_MS);
  function look(): void {
    for (const { name } of declared.queues) takeQueue(store, sqs, { queue: name, now: now - 1 });
    for (const publication of watch.look(now)) topics.publish(publication);
    now += SCHEDULE_MINUTE_MS;
    handle = timers.setTimeout(look, Math.max(0, now - timers.now()));
  }

  return {
    state: watch.state,
    ringing: watch.ringing,
    publish: topics.publish,
    async stop() {
      timers.clearTimeout(handle);
      await topics.stop();
    },
  };
}

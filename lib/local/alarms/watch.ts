import { alarmArn, changeOf } from '../../alarms/judge/change';
import { type AlarmState, evaluateAlarm } from '../../alarms/judge/evaluate';
import type { MetricStore } from '../../alarms/judge/metric-store';
import type { AlarmChange } from '../../alarms/notification';
import type { DeclaredAlarm } from './definitions';

/** A message that CloudWatch publishes to a topic. */
export interface Publication {
  topic: string;
  subject: string;
  message: AlarmChange;
}

export interface AlarmWatch {
  /** Evaluates every alarm and returns the messages to publish. */
  look(now: number): Publication[];
  state(name: string): AlarmState;
  /** The alarms in the state ALARM, with the time since when. */
  ringing(): { name: string; since: number }[];
}

export interface WatchOptions {
  alarms: DeclaredAlarm[];
  store: MetricStore;
  region: string;
  account: string;
  /** The length of a period's second, in ms. */
  secondMs?: number;
  /** For how long the store keeps metrics that no alarm needs any more. */
  keepMs?: number;
}

/** Does CloudWatch's part: keeps the state of each alarm and publishes each change. */
export function createAlarmWatch({
  alarms,
  store,
  region,
  account,
  secondMs = 1000,
  keepMs = 0,
}: WatchOptions): AlarmWatch {
  const states = new Map<string, AlarmState>(alarms.map(({ name }) => [name, 'INSUFFICIENT_DATA']));
  const stateOf = (name: string): AlarmState => states.get(name) ?? 'INSUFFICIENT_DATA';
  const ringing = new Map<string, number>();
  const longestMs = Math.max(keepMs, ...alarms.map(({ period, periods }) => period * periods * secondMs));

  function change(alarm: DeclaredAlarm, now: number): Publication[] {
    const before = stateOf(alarm.name);
    const { state, reason } = evaluateAlarm(alarm, { store, now, before, secondMs });
    if (state === before) return [];
    states.set(alarm.name, state);
    if (state === 'ALARM') ringing.set(alarm.name, now);
    else ringing.delete(alarm.name);
    const arn = alarmArn(region, account, alarm.name);
    const message = changeOf(alarm, { state, reason }, { before, at: now, account, arn });
    const topics = state === 'ALARM' ? alarm.alarmActions : state === 'OK' ? alarm.okActions : [];
    return topics.map((topic) => ({ topic, subject: `${state}: "${alarm.name}" in ${region}`, message }));
  }

  return {
    look(now) {
      const publications = alarms.flatMap((alarm) => change(alarm, now));
      store.forget(now - longestMs);
      return publications;
    },
    state: stateOf,
    ringing: () => [...ringing].map(([name, since]) => ({ name, since })),
  };
}

import { createMetricStore } from '../../lib/alarms/judge/metric-store';
import { alarmDefinitions, type DeclaredAlarm } from '../../lib/local/alarms/definitions';
import { createAlarmWatch, type Publication } from '../../lib/local/alarms/watch';
import { resolver } from '../../lib/local/template/intrinsics';
import type { Packaged } from '../../lib/local/template/package';

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';
const MINUTE = 60_000;

/** The alarms that a packaged stage declares. */
export const alarmsOf = ({ resources }: Pick<Packaged, 'resources'>): DeclaredAlarm[] =>
  alarmDefinitions(
    resources,
    resolver({ resources, region: REGION, account: ACCOUNT, stack: 'local', sqsUrl: 'http://127.0.0.1:1' }),
  );

/** Watches alarms minute by minute on a clock of its own. */
export function watchedAlarms(alarms: DeclaredAlarm[], start = Date.UTC(2026, 0, 2, 3, 0, 0)) {
  const store = createMetricStore();
  const watch = createAlarmWatch({ alarms, store, region: REGION, account: ACCOUNT });
  const published: Publication[] = [];
  let now = start;
  return {
    store,
    published,
    state: watch.state,
    now: () => now,
    /** Stores the metrics of a minute and ends it. */
    minute(measure: (at: number) => void = () => {}): void {
      measure(now + MINUTE / 2);
      now += MINUTE;
      published.push(...watch.look(now));
    },
    /** The alarms in state ALARM. */
    ringing: () => alarms.map(({ name }) => name).filter((name) => watch.state(name) === 'ALARM'),
    /** The alarms that have gone off at any time. */
    rang: () => [
      ...new Set(published.flatMap(({ message }) => (message.NewStateValue === 'ALARM' ? [message.AlarmName] : []))),
    ],
  };
}

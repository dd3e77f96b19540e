import type { AlarmDeps } from '../../../../lib/alarms/deps';
import { BREACHES } from '../../../../lib/alarms/judge/definition';
import { KINDS, parseAlarmName } from '../../../../lib/alarms/kinds';
import { notify } from '../../../../lib/alarms/notify';
import type { DeclaredAlarm } from '../../../../lib/local/alarms/definitions';
import { type FakeDiscord, startFakeDiscord } from '../../../../lib/local/fakes/discord';
import { realDiscord } from '../../../../lib/vendors/discord';
import { snsMessage } from '../../../support/alarms';
import { alarmsOf, watchedAlarms } from '../../../support/local-alarms';
import { memoryClock, memoryRandom } from '../../../support/memory-clock';
import { memoryTable } from '../../../support/memory-table';
import { localPackage } from '../../../support/packages';

let alarms: DeclaredAlarm[];
let discord: FakeDiscord;

beforeAll(async () => {
  alarms = alarmsOf(await localPackage());
  discord = await startFakeDiscord();
});
afterAll(() => discord.close());

type Values = Record<string, number | undefined>;

/** Metric values that set off an alarm. An alarm that is missing here has one metric, which does. */
const BAD: Partial<Record<string, (alarm: DeclaredAlarm) => Values>> = {
  'dlq-depth': ({ threshold }) => ({ visible: threshold - 1, inFlight: 1 }),
  stalled: () => ({ age: 1_000_000, visible: 1, deleted: undefined }),
  'error-rate': () => ({ succeeded: 980, parked: 20 }),
  reconciler: () => ({ value: undefined }),
  canary: () => ({ value: 0 }),
};
const GOOD: Partial<Record<string, Values>> = {
  'dlq-depth': { visible: 0, inFlight: 0 },
  stalled: { age: 1_000_000, visible: 1, deleted: 1 },
  'error-rate': { succeeded: 9990, parked: 10 },
  reconciler: { value: 1 },
  canary: { value: 1 },
};

const LOCAL = { instance: 'local', queues: ['feedback', 'emails', 'testflight', 'analytics'] };
const kindOf = ({ name }: DeclaredAlarm) => parseAlarmName(name, LOCAL)?.kind ?? '';
const bad = (alarm: DeclaredAlarm): Values =>
  BAD[kindOf(alarm)]?.(alarm) ?? Object.fromEntries(Object.keys(alarm.metrics).map((id) => [id, alarm.threshold]));
const good = (alarm: DeclaredAlarm): Values =>
  GOOD[kindOf(alarm)] ?? Object.fromEntries(Object.keys(alarm.metrics).map((id) => [id, 0]));

/** Runs minutes with these values and returns the state after each phase. */
function drive(alarm: DeclaredAlarm, phases: Values[]) {
  const watched = watchedAlarms([alarm]);
  const minutes = (alarm.period / 60) * alarm.periods;
  const states = phases.map((values) => {
    for (let minute = 0; minute < minutes; minute++)
      watched.minute((at) => {
        for (const [id, value] of Object.entries(values)) {
          const metric = alarm.metrics[id];
          if (metric && value !== undefined) watched.store.put(metric, value, at);
        }
      });
    return watched.state(alarm.name);
  });
  return { states, published: watched.published };
}

test('every alarm of the template goes off and clears, and Discord accepts its message each time', async () => {
  expect(alarms.length).toBeGreaterThan(30);
  for (const alarm of alarms) {
    const { states, published } = drive(alarm, [good(alarm), bad(alarm), good(alarm)]);
    const before = discord.messages.length;
    for (const { subject, message } of published)
      await notify(deps(), snsMessage(message, subject), { remainingMs: () => 30_000 });
    const sent = discord.messages.slice(before);

    expect([alarm.name, states]).toEqual([alarm.name, ['OK', 'ALARM', 'OK']]);
    expect([alarm.name, sent.map(({ embeds }) => embeds[0]?.title?.slice(0, 2))]).toEqual([alarm.name, ['🔴', '🟢']]);
    expect(sent.every(({ embeds }) => embeds[0]?.title?.includes(titleOf(alarm)))).toBe(true);
  }
});

test('an alarm goes off at its threshold and not just before it', () => {
  for (const alarm of alarms.filter(({ expression }) => expression === 'value')) {
    // A sum gets its share in each minute, plus a little for the rounding of fractions.
    const share = alarm.metrics.value?.statistic === 'Sum' ? (60 / alarm.period) * (1 + 1e-9) : 1;
    const { states } = drive(alarm, [{ value: (alarm.threshold - 1) * share }, { value: alarm.threshold * share }]);
    const floor = BREACHES[alarm.comparison](alarm.threshold - 1, alarm.threshold);

    expect([alarm.name, states]).toEqual([alarm.name, floor ? ['ALARM', 'OK'] : ['OK', 'ALARM']]);
  }
});

test('one failure among few jobs sets off no alarm, and one percent of many jobs does', () => {
  const rates = alarms.filter((alarm) => kindOf(alarm) === 'error-rate');

  expect(rates.length).toBeGreaterThan(0);
  for (const alarm of rates) {
    expect(drive(alarm, [{ succeeded: 0.5, parked: 0.5 }]).states).toEqual(['OK']);
    expect(drive(alarm, [{ succeeded: 99, parked: 1 }]).states).toEqual(['ALARM']);
    expect(drive(alarm, [{ succeeded: 995, parked: 5 }]).states).toEqual(['OK']);
  }
});

test('a queue is stalled only if it has a receivable message', () => {
  for (const alarm of alarms.filter((each) => kindOf(each) === 'stalled')) {
    expect(drive(alarm, [{ age: 1_000_000, visible: 0, deleted: 0 }]).states).toEqual(['OK']);
    expect(drive(alarm, [{ age: 1, visible: 9, deleted: 0 }]).states).toEqual(['OK']);
    expect(drive(alarm, [{ age: 1_000_000, visible: 9, deleted: 0 }]).states).toEqual(['ALARM']);
  }
});

test('successful canaries do not hide stalled jobs', () => {
  for (const alarm of alarms.filter((each) => kindOf(each) === 'stalled')) {
    const old = { age: 1_000_000, visible: 9 };
    expect(drive(alarm, [{ ...old, deleted: 1, canaries: 1 }]).states).toEqual(['ALARM']);
    expect(drive(alarm, [{ ...old, deleted: 2, canaries: 1 }]).states).toEqual(['OK']);
  }
});

test('DLQ entries still count while the reconciler reads them', () => {
  for (const alarm of alarms.filter((each) => kindOf(each) === 'dlq-depth'))
    expect(
      drive(alarm, [
        { visible: 3, inFlight: 0 },
        { visible: 0, inFlight: 3 },
      ]).states,
    ).toEqual(['ALARM', 'ALARM']);
});

const titleOf = (alarm: DeclaredAlarm): string => KINDS[kindOf(alarm) as keyof typeof KINDS].title;

function deps(): AlarmDeps {
  return {
    ...{ ...LOCAL, stage: 'local', region: 'us-east-1', undeliveredUrl: '', clock: memoryClock() },
    discord: realDiscord({ url: async () => discord.webhook }),
    table: memoryTable(),
    random: memoryRandom(),
    undelivered: { send: () => Promise.reject(new Error('an alarm was not delivered')) },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  };
}

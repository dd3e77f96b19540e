import type { AlarmDeps } from '../../../lib/alarms/deps';
import { notify } from '../../../lib/alarms/notify';
import { StoreError } from '../../../lib/errors';
import type { DiscordMessage } from '../../../lib/vendors/discord';
import { alarmChange, snsMessage } from '../../support/alarms';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

const START = Date.UTC(2026, 0, 2, 3);
const MINUTE = 60_000;

/** The chat, and alarms that go off and end at a minute. */
function chat() {
  const messages: DiscordMessage[] = [];
  const log = () => {};
  const table = memoryTable();
  const deps: AlarmDeps = {
    ...{ instance: 'acme', stage: 'prod', region: 'eu-central-1', undeliveredUrl: '', queues: ['feedback', 'emails'] },
    ...{ clock: memoryClock(), random: memoryRandom(), table },
    discord: { send: async (message) => void messages.push(message) },
    undelivered: { send: () => Promise.reject(new Error('an alarm was not delivered')) },
    log: { info: log, warn: log, error: log },
  };
  const change = async (minute: number, name: string, NewStateValue: 'ALARM' | 'OK', OldStateValue: string) => {
    const StateChangeTime = new Date(START + minute * MINUTE).toISOString();
    const message = alarmChange({ AlarmName: `acme-${name}`, NewStateValue, OldStateValue, StateChangeTime });
    await notify(deps, snsMessage(message), { remainingMs: () => 30_000 });
  };
  return {
    messages,
    table,
    rings: (minute: number, name: string, before = 'OK') => change(minute, name, 'ALARM', before),
    ends: (minute: number, name: string) => change(minute, name, 'OK', 'ALARM'),
    titles: () => messages.map(({ embeds }) => embeds[0]?.title),
  };
}

test('a queue that stopped is one message, and one message says that it recovered and how long it took', async () => {
  const { messages, rings, ends, titles } = chat();

  await rings(10, 'feedback-canary');
  await rings(12, 'feedback-backlog');
  await rings(30, 'feedback-age');
  await rings(35, 'feedback-stalled');
  await ends(50, 'feedback-canary');
  await ends(51, 'feedback-stalled');
  await ends(52, 'feedback-age');
  await ends(55, 'feedback-backlog');

  expect(titles()).toEqual(['🔴 acme · feedback: Canaries are late', '🟢 acme · feedback: Canaries are late (over)']);
  const [, over] = messages.map(({ embeds }) => embeds[0]);
  expect(over?.description).toBe('Recovered. It lasted 45 min.');
  expect(over?.fields?.find(({ name }) => name === 'Also fired')?.value).toBe(
    'Messages pile up\nA message has waited for a long time\nThe queue is stalled',
  );
});

test('another queue, and an alarm that does not follow from the first, have messages of their own', async () => {
  const { rings, titles } = chat();

  await rings(0, 'feedback-backlog');
  await rings(1, 'emails-age');
  await rings(2, 'feedback-errors');
  await rings(3, 'feedback-held');
  await rings(4, 'feedback-dlq-depth');

  expect(titles()).toHaveLength(5);
});

test('after an outage is over, the same alarm is told again', async () => {
  const { rings, ends, titles } = chat();

  await rings(0, 'feedback-errors');
  await rings(1, 'feedback-age');
  await ends(2, 'feedback-errors');
  await ends(3, 'feedback-age');
  await rings(4, 'feedback-age');

  expect(titles()).toHaveLength(3);
});

test('a new cause is told while the alarm is still firing', async () => {
  const { rings, titles } = chat();

  await rings(0, 'feedback-dlq-depth');
  await rings(9, 'feedback-dlq-depth', 'ALARM');

  expect(titles()).toHaveLength(2);
});

test('an alarm explains no other one after a day, because a removed alarm never ends', async () => {
  const { rings, titles } = chat();

  await rings(0, 'feedback-canary');
  await rings(25 * 60, 'feedback-stalled');

  expect(titles()).toHaveLength(2);
});

test('without the table every alarm is told', async () => {
  const { rings, ends, titles, table } = chat();
  const down = () => Promise.reject(new StoreError({ code: 'Down', message: 'down' }));
  table.get = down;

  await rings(0, 'feedback-canary');
  await rings(1, 'feedback-age');
  await ends(2, 'feedback-age');

  expect(titles()).toHaveLength(3);
});

import { StoreError, TransientError } from '../../../lib/errors';
import { aFact, alarmChange, chat as chatOf } from '../../support/alarms';

const START = Date.UTC(2026, 0, 2, 3);
const MINUTE = 60_000;

/** The chat, which first answers with these errors, and alarms that go off and end at a minute. */
function chat(errors: Error[] = []) {
  const { deps, taken, titles, notify } = chatOf(errors);
  const change = async (minute: number, name: string, changes: Parameters<typeof alarmChange>[0]) => {
    const StateChangeTime = new Date(START + minute * MINUTE).toISOString();
    await notify(alarmChange({ AlarmName: `acme-${name}`, StateChangeTime, ...changes }));
  };
  return {
    ...{ messages: taken, table: deps.table, titles },
    fires: (minute: number, name: string, changes: Parameters<typeof alarmChange>[0] = {}) =>
      change(minute, name, { NewStateValue: 'ALARM', OldStateValue: 'OK', ...changes }),
    ends: (minute: number, name: string) => change(minute, name, { NewStateValue: 'OK', OldStateValue: 'ALARM' }),
    fact: (minute: number, fact: Parameters<typeof aFact>[0]) =>
      notify(aFact({ at: START + minute * MINUTE, since: START + minute * MINUTE, ...fact })),
  };
}

test('a queue that stopped is one message, and one message says that it recovered and how long it took', async () => {
  const { messages, fires, ends, titles } = chat();

  await fires(10, 'feedback-canary-late');
  await fires(30, 'feedback-oldest-message');
  await fires(35, 'feedback-jobs-slow');
  await ends(50, 'feedback-canary-late');
  await ends(51, 'feedback-jobs-slow');
  await ends(55, 'feedback-oldest-message');

  expect(titles()).toEqual(['🔴 acme · feedback: Canaries are late', '🟢 acme · feedback: Canaries are late (over)']);
  const [, over] = messages.map(({ embeds }) => embeds[0]);
  expect(over?.description).toBe('Recovered. It lasted 45 min.');
  expect(over?.fields?.find(({ name }) => name === 'Also fired')?.value).toBe(
    'A message has waited for a long time\nJobs take too long',
  );
});

test('functions that fail explain what follows on every queue, and a fact that follows', async () => {
  const { fires, fact, titles } = chat();

  await fires(0, 'function-errors');
  await fires(1, 'feedback-canary-late');
  await fires(2, 'emails-oldest-message');
  await fact(3, { fact: 'messages-returned', subject: 'emails', code: undefined });

  expect(titles()).toEqual(['🔴 acme: A function fails']);
});

test('another queue, and an alarm that does not follow from the first, have messages of their own', async () => {
  const { fires, titles } = chat();

  await fires(0, 'feedback-canary-late');
  await fires(1, 'emails-oldest-message');
  await fires(2, 'function-errors');
  await fires(3, 'feedback-oldest-held');
  await fires(4, 'feedback-dlq-depth');

  expect(titles()).toHaveLength(5);
});

test('a fact and its end are two messages, and the last one of an outage is about what began it', async () => {
  const { messages, fires, ends, fact, titles } = chat();

  await fact(0, { fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', jobId: '0190-a', count: 12 });
  await fires(3, 'feedback-dlq-depth', { Trigger: { Threshold: 5 } });
  await fires(15, 'feedback-error-rate');
  await fact(30, { fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', on: false });
  await ends(40, 'feedback-error-rate');
  await ends(42, 'feedback-dlq-depth');

  expect(titles()).toEqual(['🔴 acme · feedback: Jobs are dead', '🟢 acme · feedback: Jobs are dead (over)']);
  expect(messages.at(-1)?.embeds[0]?.description).toBe('Recovered. It lasted 42 min.');
});

test('the alarm about a DLQ is sent if the chat knows of fewer dead jobs', async () => {
  const { fires, fact, titles } = chat();

  await fact(0, { fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', count: 1 });
  await fires(3, 'feedback-dlq-depth', { Trigger: { Threshold: 5 } });

  expect(titles()).toHaveLength(2);
});

test('jobs that die of another code are reported, unless the alarm about their DLQ has just been', async () => {
  const { fires, fact, titles } = chat();

  await fires(0, 'feedback-dlq-depth');
  await fact(1, { fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', count: 9 });
  await fact(60, { fact: 'jobs-dead', subject: 'feedback', code: 'CrashLoop', count: 1 });

  expect(titles()).toEqual(['🔴 acme · feedback: Jobs in the dead-letter queue', '🔴 acme · feedback: Jobs are dead']);
});

test('after an outage is over, the same alarm is sent again', async () => {
  const { fires, ends, titles } = chat();

  await fires(0, 'function-errors');
  await fires(1, 'feedback-oldest-message');
  await ends(2, 'function-errors');
  await ends(3, 'feedback-oldest-message');
  await fires(4, 'feedback-oldest-message');

  expect(titles()).toHaveLength(3);
});

test('two alarms of an outage that end at once are one message', async () => {
  const { fires, ends, titles } = chat();

  await fires(0, 'feedback-canary-late');
  await fires(1, 'feedback-jobs-slow');
  await Promise.all([ends(5, 'feedback-canary-late'), ends(5, 'feedback-jobs-slow')]);

  expect(titles()).toEqual(['🔴 acme · feedback: Canaries are late', '🟢 acme · feedback: Canaries are late (over)']);
});

const down = () => new TransientError({ code: 'DiscordUnavailable', message: '503', status: 503 });

test('an outage whose end Discord did not take explains nothing more, and the retry says that it is over', async () => {
  const errors: Error[] = [];
  const { messages, fires, ends, titles } = chat(errors);
  await fires(0, 'feedback-canary-late');
  await fires(1, 'feedback-jobs-slow');
  await ends(5, 'feedback-canary-late');

  errors.push(down());
  await expect(ends(6, 'feedback-jobs-slow')).rejects.toThrow('503');
  await fires(7, 'feedback-oldest-message');
  await ends(6, 'feedback-jobs-slow');

  expect(titles().slice(1)).toEqual([
    '🔴 acme · feedback: A message has waited for a long time',
    '🟢 acme · feedback: Canaries are late (over)',
  ]);
  expect(messages.at(-1)?.embeds[0]?.description).toBe('Recovered. It lasted 6 min.');
});

test.each(['OK', 'no OK'])('an alarm that Discord takes after %s of it opens its outage once', async (end) => {
  const { fires, ends, titles } = chat([down()]);

  await expect(fires(0, 'feedback-canary-late')).rejects.toThrow('503');
  if (end === 'OK') await ends(1, 'feedback-canary-late');
  await fires(0, 'feedback-canary-late');
  await fires(2, 'feedback-oldest-message');

  expect(titles().at(-1)).toContain(end === 'OK' ? 'A message has waited' : 'Canaries are late');
});

test('an alarm explains no other one after a day, because a removed alarm never ends', async () => {
  const { fires, titles } = chat();

  await fires(0, 'feedback-canary-late');
  await fires(25 * 60, 'feedback-oldest-message');

  expect(titles()).toHaveLength(2);
});

test('without the table every alarm is sent', async () => {
  const { fires, ends, titles, table } = chat();
  const down = () => Promise.reject(new StoreError({ code: 'Down', message: 'down' }));
  table.get = down;

  await fires(0, 'feedback-canary-late');
  await fires(1, 'feedback-oldest-message');
  await ends(2, 'feedback-oldest-message');

  expect(titles()).toHaveLength(3);
});

import { type FakeDiscord, startFakeDiscord } from '../../../lib/local/fakes/discord';
import { type Discord, realDiscord } from '../../../lib/vendors/discord';

const message = { embeds: [{ title: 'something', color: 1 }] };
let fake: FakeDiscord;
let discord: Discord;
const send = (text: Parameters<Discord['send']>[0] = message) =>
  discord.send(text, { timeoutMs: 1_000 }).then(
    () => 'taken',
    (error: unknown) => error,
  );

beforeEach(async () => {
  fake = await startFakeDiscord();
  discord = realDiscord({ url: async () => fake.webhook });
});
afterEach(() => fake.close());

test("a message waits for Discord's check and mentions no user", async () => {
  expect(await send()).toBe('taken');
  expect(fake.messages).toEqual([{ ...message, allowed_mentions: { parse: [] } }]);
  expect(fake.requests[0]?.query).toEqual({ wait: 'true' });
});

test.each<[string, number, object, object]>([
  ['429', 429, { headers: { 'retry-after': '3' } }, { class: 'wait', waitMs: 3_000 }],
  ['400', 400, {}, { class: 'permanent', code: 'DiscordRejected' }],
  ['401', 401, {}, { class: 'stop', code: 'DiscordUnauthorized' }],
  ['404', 404, {}, { class: 'stop', code: 'DiscordWebhookGone' }],
  ['500', 500, {}, { class: 'transient', code: 'DiscordUnavailable' }],
])('%s', async (_what, status, rest, expected) => {
  fake.fail({ status, ...rest });

  expect(await send()).toMatchObject({ ...expected, status });
});

test.each<[string, Parameters<FakeDiscord['fail']>[0]]>([
  ['no answer', { before: 'hang' }],
  ['a reset', { before: 'reset' }],
  ['a refused connection', { down: true }],
])('%s is transient', async (_what, failure) => {
  fake.fail(failure);
  discord = realDiscord({ url: async () => fake.webhook });

  expect(await discord.send(message, { timeoutMs: 200 }).catch((error: unknown) => error)).toMatchObject({
    class: 'transient',
  });
});

test('a webhook that answered 404 is not called again until the secret names another one', async () => {
  let webhook = `${fake.url}/api/webhooks/1/removed`;
  discord = realDiscord({ url: async () => webhook });

  const first = await send();
  const second = await send();
  const calls = fake.requests.length;
  webhook = fake.webhook;
  const third = await send();

  expect([first, second]).toMatchObject([{ code: 'DiscordWebhookGone' }, { code: 'DiscordWebhookGone' }]);
  expect(calls).toBe(1);
  expect(third).toBe('taken');
});

test("no error contains the webhook's address, which is a secret", async () => {
  const planted = 'planted-token';
  const errors: unknown[] = [];
  for (const url of [
    `${fake.url}/api/webhooks/1/${planted}`,
    `http://127.0.0.1:1/${planted}`,
    `no address ${planted}`,
  ]) {
    discord = realDiscord({ url: async () => url });
    for (const status of [400, 401, 403, 404, 429, 500]) {
      fake.fail({ status, body: { message: planted } });
      errors.push(await send());
    }
    await fake.recover();
  }

  for (const error of errors) {
    const { message: text, stack, cause, ...rest } = error as Error;
    expect(JSON.stringify([text, stack, String(cause), rest])).not.toContain(planted);
  }
});

test('the fake refuses the same messages as Discord', async () => {
  const refused = { class: 'permanent', status: 400 };
  const field = { name: 'n', value: 'v' };
  const of = (embed: object) => ({ embeds: [{ title: 't', color: 1, ...embed }] });

  expect(await send({ embeds: [] })).toMatchObject(refused);
  expect(await send(of({ title: 'x'.repeat(257) }))).toMatchObject(refused);
  expect(await send(of({ description: 'x'.repeat(4097) }))).toMatchObject(refused);
  expect(await send(of({ fields: Array(26).fill(field) }))).toMatchObject(refused);
  expect(await send(of({ fields: [{ name: '', value: 'v' }] }))).toMatchObject(refused);
  expect(await send(of({ fields: Array(7).fill({ name: 'n', value: 'x'.repeat(1000) }) }))).toMatchObject(refused);
  expect(await send({ embeds: Array(11).fill({ title: 't', color: 1 }) })).toMatchObject(refused);
  expect(fake.messages).toEqual([]);
});

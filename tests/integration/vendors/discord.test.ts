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
  ['404', 404, { times: 2 }, { class: 'stop', code: 'DiscordWebhookGone' }],
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

test('after a 404 the message goes to the webhook that the secret names now', async () => {
  const removed = `${fake.url}/api/webhooks/1/removed`;
  discord = realDiscord({ url: async ({ fresh = false } = {}) => (fresh ? fake.webhook : removed) });

  expect(await send()).toBe('taken');
  expect(fake.messages).toHaveLength(1);
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

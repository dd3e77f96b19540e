import { type Discord, realDiscord } from '../../../lib/vendors/discord';
import { startFakeDiscord } from '../../../packages/local/fakes/discord';
import type { FakeDiscord } from '../../support/fake-vendors';

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

test('after a 404 the message goes to the webhook that the secret names now', async () => {
  const removed = `${fake.url}/api/webhooks/1/removed`;
  discord = realDiscord({ url: async ({ fresh = false } = {}) => (fresh ? fake.webhook : removed) });

  expect(await send()).toBe('taken');
  expect(fake.messages).toHaveLength(1);
});

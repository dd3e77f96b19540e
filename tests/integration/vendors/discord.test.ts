import { realDiscord } from '../../../lib/vendors/discord';
import { startFakeDiscord } from '../../../packages/local/fakes/discord';
import type { FakeDiscord } from '../../support/fake-vendors';
import { secretOf } from '../../support/vendors';

const message = { embeds: [{ title: 'something', color: 1 }] };
let fake: FakeDiscord;
beforeEach(async () => {
  fake = await startFakeDiscord();
});
afterEach(() => fake.close());

test("a message waits for Discord's check and mentions no user", async () => {
  await realDiscord({ url: async () => fake.webhook }).send(message, { timeoutMs: 1_000 });

  expect(fake.messages).toEqual([{ ...message, allowed_mentions: { parse: [] } }]);
  expect(fake.requests[0]?.query).toEqual({ wait: 'true' });
});

test('after a 404 the message goes to the webhook that the secret names now', async () => {
  const removed = `${fake.url}/api/webhooks/1/removed`;

  await realDiscord({ url: secretOf(removed, fake.webhook) }).send(message, { timeoutMs: 1_000 });

  expect(fake.messages).toHaveLength(1);
});

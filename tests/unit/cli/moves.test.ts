import { unfinishedWork } from '../../../packages/cli/preflight';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { anEnvelope, jobId } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

const count = () => unfinishedWork(emails.engine.deps, ['emails']);

test('a campaign counts until it ends, also before its first chunk and while it is paused', async () => {
  expect(await count()).toBe(0);

  await emails.campaign();
  expect(await count()).toBe(1);
  await emails.campaigns.pause(CAMPAIGN, 'operator');
  expect(await count()).toBe(1);

  await emails.campaigns.cancel(CAMPAIGN);
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, endedAt: emails.engine.clock.now() }));
  expect(await count()).toBe(0);
});

test('a dead job counts, because it can still be retried, also in a queue that the file no longer names', async () => {
  const reader = { ...emails.engine.deps, queueNames: ['feedback'] };
  await emails.engine.sendAndDeliver(JSON.stringify(anEnvelope({ id: jobId(1), type: 'unknown' })));

  expect(await count()).toBe(1);
  expect(await unfinishedWork(reader, ['feedback', 'emails'])).toBe(1);
});

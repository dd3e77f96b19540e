import { settle } from '../../../lib/ops/settle';
import { type Emails, messageBody, startEmails } from '../../support/emails';
import { jobId } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

/** A mail whose sending nobody can tell about, settled by a person and gone on with. */
async function settled(as: 'done' | 'skipped') {
  const { engine, sendgrid } = emails;
  sendgrid.fail({ before: 'reset' });
  engine.send(messageBody());
  await engine.deliver(1);
  await settle(engine.deps, { row: engine.row(jobId(1)), step: 'send', as });
  await engine.deliver(1);
  return engine.row(jobId(1));
}

test('a mail that a person says went out is accepted as if its vendor had said so', async () => {
  const row = await settled('done');

  expect(row).toMatchObject({ state: 'succeeded', result: { evidence: 'operator' } });
  expect(emails.statuses(jobId(1))).toMatchObject([{ status: 'accepted' }]);
  expect(emails.sendgrid.requests).toHaveLength(1);
});

test('a mail that a person gives up on ends as cancelled and is never sent', async () => {
  const row = await settled('skipped');

  expect(row).toMatchObject({ state: 'cancelled', reason: 'operator', steps: { send: { status: 'skipped' } } });
  expect(emails.sendgrid.requests).toHaveLength(1);
  expect(emails.engine.inQueue()).toBe(0);
});

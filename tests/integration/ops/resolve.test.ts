import { resolveStep } from '../../../lib/ops/act';
import { type Emails, messageBody, startEmails } from '../../support/emails';
import { jobId } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

/** A mail whose send step is unknown. An operator resolves the step, and the job continues. */
async function resolved(as: 'done' | 'skipped') {
  const { engine, sendgrid } = emails;
  sendgrid.fail({ before: 'reset' });
  engine.send(messageBody());
  await engine.deliver(1);
  await resolveStep(engine.deps, { row: engine.row(jobId(1)), step: 'send', as });
  await engine.deliver(1);
  return engine.row(jobId(1));
}

test('a mail that an operator resolves as done counts as accepted', async () => {
  const row = await resolved('done');

  expect(row).toMatchObject({ state: 'succeeded', result: { evidence: 'operator' } });
  expect(emails.statuses(jobId(1))).toMatchObject([{ status: 'accepted' }]);
  expect(emails.sendgrid.requests).toHaveLength(1);
});

test('a mail that an operator resolves as skipped ends as cancelled and is never sent', async () => {
  const row = await resolved('skipped');

  expect(row).toMatchObject({ state: 'cancelled', reason: 'operator', steps: { send: { status: 'skipped' } } });
  expect(emails.sendgrid.requests).toHaveLength(1);
  expect(emails.engine.inQueue()).toBe(0);
});

import { recipientCheck } from '../../../lib/emails/recipients';
import { requestOf } from '../../../lib/emails/request';
import { mailData } from '../../../lib/vendors/sendgrid';
import { aContent, CAMPAIGN } from '../../support/emails';
import { jobId } from '../../support/engine';

const SENDGRIDS_LIMIT = 30 * 1024 * 1024;

test("the largest acceptable request stays below SendGrid's limit", () => {
  const content = aContent({
    templateId: undefined,
    subject: 'S'.repeat(255),
    text: '"'.repeat(512 * 1024),
    html: '"'.repeat(512 * 1024),
    unsubscribe: { link: `https://example.com/${'{token}'.repeat(19)}` },
  });
  const check = recipientCheck(content);
  const person = { name: '€'.repeat(100), data: { token: '€'.repeat(11), text: '"'.repeat(4_960) } };
  const recipients = Array.from({ length: 1000 }, (_, number) => {
    const checked = check({ ...person, email: `${'a'.repeat(60)}-${number}@${'b'.repeat(60)}.example.com` });
    if (!('recipient' in checked)) throw new Error(checked.reason);
    return { ...checked.recipient, number };
  });

  const mail = requestOf({ content, recipients, origin: { id: jobId(1), time: 1, campaign: CAMPAIGN } });

  const bytes = Buffer.byteLength(JSON.stringify(mailData(mail, 'a'.repeat(32))));
  expect(bytes).toBeGreaterThan(10 * 1024 * 1024);
  expect(bytes).toBeLessThan(SENDGRIDS_LIMIT);
});

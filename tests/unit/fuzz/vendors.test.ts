import fc from 'fast-check';
import { InvalidJobError } from '../../../lib/engine/submit/errors';
import { plainText } from '../../../lib/platform/text';
import { readContent, readManifest, readPart } from '../../../lib/queues/emails/manifest';
import type { CampaignJob, EmailMessage } from '../../../lib/queues/emails/message';
import type { Recipient } from '../../../lib/queues/emails/recipients';
import type { Feedback } from '../../../lib/queues/feedback/message';
import { type Emails, startEmails } from '../../support/emails';
import { startFeedback } from '../../support/feedback';
import { memoryProducerDeps } from '../../support/producer';
import { damaged, named, printSeed, share, text } from './random';

beforeAll(printSeed);

const WHOLE = {
  user: { id: 'u-1', email: 'user@example.com', name: 'A name' },
  ...{ subject: 'Hello', message: 'It works', category: 'Export', type: 'problem', priority: 'high', locale: 'de' },
  ...{ tags: ['a'], customFields: [{ id: 7, value: 'web' }], context: { app: '1.2' }, confirmation: true },
};
const NAMES = [...Object.keys(WHOLE), 'id', 'email', 'name', 'value', 'app'];
/** Texts as people and machines write them, in the fields that have them. */
const written = fc.record({
  subject: text,
  message: text,
  category: text,
  tags: fc.array(text),
  context: named(NAMES),
});
const inputs = fc.oneof(
  damaged(WHOLE),
  written.map((texts) => ({ ...WHOLE, ...texts })),
  fc.tuple(damaged(WHOLE.user), written).map(([user, texts]) => ({ ...WHOLE, ...texts, user })),
);

/** What was accepted, which alone counts as a run of a property. A refusal names each field and its rule. */
async function accepted<T>(submitting: Promise<T>): Promise<T | undefined> {
  const error = await submitting.then(
    (accepted) => ({ accepted }),
    (refusal: unknown) => refusal,
  );
  if (!(error instanceof InvalidJobError)) return (error as { accepted: T }).accepted;
  expect(error.problems.length).toBeGreaterThan(0);
  for (const { field, message } of error.problems) expect(message.startsWith(`${field}: `)).toBe(true);
  return undefined;
}

test('whatever is accepted reaches Zendesk and SendGrid unharmed, and whatever is refused names field and rule', async () => {
  const { producer, events } = memoryProducerDeps();
  const { engine, zendesk, sendgrid, close } = await startFeedback();
  const property = fc.asyncProperty(inputs, async (input) => {
    fc.pre((await accepted(producer.feedback(input as never))) !== undefined);
    const event = events().at(-1) as { id: string; data: Feedback };
    const { user, subject, message, confirmation } = event.data;
    await engine.sendAndDeliver(JSON.stringify(event));

    const row = engine.row(event.id);
    expect([row.state, row.steps.ticket?.status, row.warnings]).toEqual(['succeeded', 'done', undefined]);
    const ticket = zendesk.tickets.at(-1);
    expect(ticket).toMatchObject({ external_id: event.id, subject: plainText(subject) });
    expect(ticket?.description.startsWith(message)).toBe(true);
    expect(zendesk.users.find(({ id }) => id === ticket?.requester_id)?.email).toBe(user.email);
    const mail = sendgrid.mails.find(({ customArgs }) => customArgs.job === event.id);
    // An address gets a few mails an hour.
    const isLimited = row.without?.some(({ code }) => code === 'TooManyMails') === true;
    expect(mail?.to[0]).toBe(confirmation && !isLimited ? user.email : undefined);
  });

  await fc.assert(property, share(0.015));
  await close();
});

const TEMPLATE = `d-${'0'.repeat(32)}`;
const MAIL = {
  ...{ from: { email: 'team@example.com', name: 'Team' }, replyTo: { email: 'team@example.com' } },
  ...{ subject: 'Hello {{name|you}}', text: 'It works in {{City|your town}}', html: '<p>It works</p>' },
  ...{ categories: ['a'], tracking: { opens: true }, unsubscribe: { link: 'https://example.com/{{name|}}{{email}}' } },
};
const WITH_TEMPLATE = { from: MAIL.from, templateId: TEMPLATE, templateKeys: ['city'] };
const PERSON = { email: 'user@example.com', name: 'A name' };
const city = fc.oneof(text, fc.constantFrom('Ulm', '{{name}}', '{{1}}', 'a\r\nb', 7, true));
const recipients = fc.oneof(
  city.map((value) => ({ ...PERSON, data: { city: value, email: 'u' } })),
  damaged({ ...PERSON, data: { city: 'Ulm', email: 'u' } }),
  damaged(PERSON),
);
const words = fc.record({ subject: text, text, html: text }, { requiredKeys: [] });
const mails = fc.oneof(
  damaged(MAIL),
  damaged(WITH_TEMPLATE),
  words.map((drawn) => ({ ...MAIL, ...drawn })),
);

/** What is read: a placeholder is a name in any case, of the data or else the recipient's, or its fallback. */
const read = (written: string, { name, data = {} }: { name?: string | undefined; data?: object | undefined }) =>
  written.replace(/\{\{([^{}|]+)(?:\|([^{}]*))?\}\}/g, (_, tag: string, fallback = '') => {
    const known = Object.entries({ name, ...data }).filter(([key]) => key.toLowerCase() === tag.trim().toLowerCase());
    const value = known.map(([, one]) => (one === undefined ? '' : String(one))).findLast((one) => one.trim() !== '');
    return (value ?? fallback.trim()).replaceAll('{{', '{ {');
  });

type Sent = Emails['sendgrid']['mails'][number];
/** A mail as SendGrid fills it in. It knows only the words that it was given. */
const filled = (mail: Sent, part: 'subject' | 'text'): string =>
  Object.entries(mail.substitutions).reduce((all, [tag, word]) => all.replaceAll(tag, word), mail[part] ?? '');

/** The content and the recipient have reached SendGrid. A subject is one line. */
function expectUnharmed(mail: Sent | undefined, content: Partial<EmailMessage>, to: Recipient) {
  if (!mail) throw new Error('there is no mail');
  expect([mail.from, mail.to]).toEqual([content.from?.email, [to.email]]);
  expect(mail.categories).toEqual(expect.arrayContaining(content.categories ?? []));
  if (content.templateId !== undefined) return expect(mail.templateData).toMatchObject(to.data ?? {});
  expect(filled(mail, 'text')).toBe(read(content.text ?? '', to));
  expect(filled(mail, 'subject').replace(/\s+/g, ' ')).toBe(read(content.subject ?? '', to).replace(/\s+/g, ' '));
}

test('whatever is accepted of a mail reaches SendGrid unharmed, and whatever is refused names field and rule', async () => {
  const { producer, messages } = memoryProducerDeps();
  const emails = await startEmails();
  const property = fc.asyncProperty(mails, recipients, async (mail, { data, ...to }) => {
    const input = { ...mail, to, ...(data !== undefined && { data }) };
    fc.pre((await accepted(producer.email(input as never))) !== undefined);
    const [{ body = '' } = {}] = messages().slice(-1);
    const event = JSON.parse(body) as { id: string; data: EmailMessage };
    await emails.engine.sendAndDeliver(body);

    expect(emails.engine.row(event.id)).toMatchObject({ state: 'succeeded', steps: { send: { status: 'done' } } });
    const sent = emails.sendgrid.mails.find(({ customArgs }) => customArgs.job === event.id);
    expectUnharmed(sent, event.data, { ...event.data.to, data: event.data.data });
  });

  await fc.assert(property, share(0.008));
  await emails.close();
});

test('whatever is accepted of a campaign reaches SendGrid once and unharmed', async () => {
  const emails = await startEmails();
  const { producer, messages } = memoryProducerDeps({ objects: () => emails.engine.objects });
  const property = fc.asyncProperty(mails, fc.array(recipients, { maxLength: 5 }), async (content, list) => {
    const input = { unsubscribe: { group: 1 }, ...content };
    const answer = await accepted(producer.campaign(input as never, list as never, { again: true, mostRejected: 100 }));
    fc.pre(answer !== undefined);
    const [{ body = '', attributes: { token } = {} } = {}] = messages().slice(-1);
    const event = JSON.parse(body) as { id: string; data: CampaignJob };
    emails.engine.send(body, { attributes: { token: token?.StringValue ?? '' } });
    await emails.work();
    await emails.minutes(2);

    expect(await emails.campaigns.read(event.id)).toMatchObject({ status: 'ended', recipients: answer.recipients });
    const sent = emails.sendgrid.mails.filter(({ customArgs }) => customArgs.campaign === event.id);
    const deps = { objects: emails.engine.objects, prefix: 'jobs' };
    const manifest = await readManifest(deps, event.data.manifest);
    const [stored, part] = [await readContent(deps, manifest), await readPart(deps, manifest, 0)];
    expect(sent.map(({ to }) => to)).toEqual(part.map(({ email }) => [email]));
    for (const [at, person] of part.entries()) expectUnharmed(sent[at], stored, person);
  });

  await fc.assert(property, { ...share(0.002), endOnFailure: true });
  await emails.close();
});

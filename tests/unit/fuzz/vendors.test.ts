import fc from 'fast-check';
import { InvalidJobError } from '../../../lib/engine/submit/errors';
import { plainText } from '../../../lib/platform/text';
import type { Feedback } from '../../../lib/queues/feedback/message';
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

test('whatever is accepted reaches Zendesk and SendGrid unharmed, and whatever is refused names field and rule', async () => {
  const { producer, events } = memoryProducerDeps();
  const { engine, zendesk, sendgrid, close } = await startFeedback();
  let taken = 0;
  const property = fc.asyncProperty(inputs, async (input) => {
    const error = await producer.feedback(input as never).then(
      () => undefined,
      (refusal: unknown) => refusal,
    );
    if (error instanceof InvalidJobError) {
      expect(error.problems.length).toBeGreaterThan(0);
      for (const { field, message } of error.problems) expect(message.startsWith(`${field}: `)).toBe(true);
      return;
    }
    expect(error).toBeUndefined();
    taken++;
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

  await fc.assert(property, share(0.03));
  await close();

  expect(taken).toBeGreaterThan(20);
});

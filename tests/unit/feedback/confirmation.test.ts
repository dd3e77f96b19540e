import { feedbackEnv } from '../../../lib/config/functions';
import { feedbackSchema } from '../../../lib/feedback/message';
import { confirmationOf } from '../../../lib/feedback/texts';

const DEFAULT = `d-${'0'.repeat(32)}`;
const GERMAN = `d-${'1'.repeat(32)}`;
const BRAZILIAN = `d-${'2'.repeat(32)}`;
const templates = feedbackEnv.shape.FEEDBACK_TEMPLATES.parse(`de=${GERMAN}, pt-BR=${BRAZILIAN}`);

const mailFor = (locale: string | undefined, templateId?: string) =>
  confirmationOf(
    {
      id: 'job-1',
      row: { time: 0 },
      data: feedbackSchema.parse({
        ...{ user: { id: 'user-1', email: 'user@example.com', name: 'A User' }, subject: 'Hello' },
        ...{ message: 'It works', locale },
      }),
    },
    '1',
    { from: { email: 'support@example.com' }, brand: 'Example', templateId, templates },
  );

test.each([
  ['de', GERMAN],
  ['de-AT', GERMAN],
  ['DE-at', GERMAN],
  ['pt-BR', BRAZILIAN],
  ['pt-br-1996', BRAZILIAN],
  ['pt', DEFAULT],
  ['en-GB', DEFAULT],
  ['den', DEFAULT],
  [undefined, DEFAULT],
])('a user with the locale %s gets the template of that language or else the default', (locale, template) => {
  const data = { name: 'A User', subject: 'Hello', ticketId: '1', brand: 'Example' };
  expect(mailFor(locale, DEFAULT)).toMatchObject({ templateId: template, recipients: [{ data }] });
});

test('without a default template a language with a template gets it, and any other language gets the built-in text', () => {
  expect(mailFor('de')).toMatchObject({ templateId: GERMAN });
  expect(mailFor('fr')).toMatchObject({ subject: 'We have received your feedback: Hello' });
});

test.each(['de', 'de=1', `german=${GERMAN}`, `=${GERMAN}`, `de=${GERMAN};fr=${GERMAN}`])(
  'the setting %s is refused by its rule',
  (value) => {
    const { error } = feedbackEnv.shape.FEEDBACK_TEMPLATES.safeParse(value);

    expect(error?.issues[0]?.message).toMatch(/^must be language tags with dynamic template ids/);
  },
);

import {
  type Feedback,
  type FeedbackInput,
  feedbackPerson,
  feedbackSchema,
} from '../../../../lib/queues/feedback/message';
import { ticketOf } from '../../../../lib/queues/feedback/process';
import { problemOf } from '../../../support/problem';

const valid = (more: Record<string, unknown> = {}): FeedbackInput => ({
  user: { email: 'user@example.com' },
  subject: 'It works',
  message: 'Well done.',
  ...more,
});

const problem = (data: unknown) => problemOf(feedbackSchema, data);

test('the data of a feedback may have all fields', () => {
  const full: Feedback = {
    user: { id: 'user-1', email: 'user@example.com', name: 'Zoë 李' },
    subject: 'Crash on start',
    message: 'Line one\n\tline two\r\nline three',
    ...{ category: 'bug', type: 'problem', priority: 'high', tags: ['ios', 'crash-report', 'größe/2'] },
    customFields: ['text', 5, true, ['a', 'b']].map((value, n) => ({ id: 360 + n, value })),
    attachments: [{ key: 'p/_attachments/feedback/1', name: 'screen.png', contentType: 'image/png', size: 1 }],
    ...{ confirmation: false, locale: 'pt-BR', context: { appVersion: '1.2.3', build: 45, beta: true } },
  };

  expect(feedbackSchema.parse(full)).toEqual(full);
});

const attachment = (changes: object = {}) => [{ key: 'k', name: 'n', contentType: 'a/b', ...changes }];
const context = (entries: number) => Object.fromEntries(Array.from({ length: entries }, (_, n) => [`k${n}`, n]));

test.each<[string, Record<string, unknown>, string]>([
  ['a bad address', { user: { email: 'nobody' } }, 'user.email'],
  ['an address with a second header', { user: { email: 'user@example.com\r\nBcc: all' } }, 'user.email'],
  ['an address that is too long', { user: { email: `${'x'.repeat(250)}@example.com` } }, 'user.email'],
  ['a blank subject', { subject: '   ' }, 'subject'],
  ['a subject of 151 characters', { subject: 'x'.repeat(151) }, 'subject'],
  ['a blank message', { message: ' \n ' }, 'message'],
  ['a message without width', { message: '\u00a0\u200b\ufeff' }, 'message'],
  ['a message of too many characters', { message: `${'ü'.repeat(40_000)}x` }, 'message'],
  ['an unknown type', { type: 'complaint' }, 'type'],
  ['an unknown priority', { priority: 'now' }, 'priority'],
  ['too many tags', { tags: Array(21).fill('x') }, 'tags'],
  ['a custom field without a number', { customFields: [{ id: 'x', value: 1 }] }, 'customFields.0.id'],
  ['a custom field that is deep', { customFields: [{ id: 1, value: { a: 1 } }] }, 'customFields.0.value'],
  ['eleven attachments', { attachments: Array(11).fill(attachment()[0]) }, 'attachments'],
  ['a second header', { attachments: attachment({ contentType: 'a/b\r\nX: y' }) }, 'attachments.0.contentType'],
  ['an attachment that is too large', { attachments: attachment({ size: 1e12 }) }, 'attachments.0.size'],
  ['a confirmation that is text', { confirmation: 'no' }, 'confirmation'],
  ['a bad locale', { locale: 'en_GB!' }, 'locale'],
  ['a context that is too large', { context: context(21) }, 'context'],
])('the data of a feedback is refused with %s by an error that names the field', (_, changes, field) => {
  const broken = problem(valid(changes));

  expect(broken.field).toBe(`data.${field}`);
  expect(broken.message).toMatch(/^data\.[\w.]+: (must|has|is not valid$)/);
});

test.each([
  ['only an address, and the longest subject and message', { subject: 'x'.repeat(150), message: 'ü'.repeat(40_000) }],
  ['a language tag with singletons, as Android sends it', { locale: 'de-CH-1996-u-fw-mon-hc-h23-mu-celsius-x-a' }],
])('the data of a feedback may have %s', (_, changes) => {
  expect(feedbackSchema.parse(valid(changes))).toEqual({ ...valid(changes), confirmation: true });
});

test('the data of a feedback makes a text of less than the 65,000 characters that Zendesk takes, however many facts it has', () => {
  const facts = Array.from({ length: 20 }, (_, n) => [`k${n}`.padEnd(64, 'x'), 'x'.repeat(1_000)]);
  const text = 'x'.repeat(64 * 1024);
  const sizes = [text, text.slice(0, 40_000)].map((message) => {
    const { success, data } = feedbackSchema.safeParse(valid({ message, context: Object.fromEntries(facts) }));
    return success ? ticketOf({ id: '1', data, row: { time: 0 } }, [], []).comment.body.length : 0;
  });

  expect(Math.max(...sizes)).toBeLessThan(65_000);
  expect(sizes[1]).toBeGreaterThan(60_000);
});

test('the data of a feedback is refused without a stack overflow when it is no object, or nested a hundred thousand levels deep', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;

  expect(problem(valid({ context: deep })).field).toBe('data.context');
  expect(problem(valid({ message: deep })).field).toBe('data.message');
  expect(problem(valid({ customFields: [{ id: 1, value: deep }] })).field).toBe('data.customFields.0.value');
  expect(problem(valid({ anything: deep })).message).toBe('data: has 1 unknown field');
  for (const other of [deep, 'text', undefined]) expect(problem(other).field).toBe('data');
});

test("the person of a feedback depends on the user's id, or without one on the address in any case", () => {
  const byId = feedbackPerson({ user: { id: 'user-1', email: 'one@example.com' } });
  const byAddress = feedbackPerson({ user: { email: 'one@example.com' } });

  expect(feedbackPerson({ user: { id: 'user-1', email: 'two@example.com' } })).toBe(byId);
  expect(feedbackPerson({ user: { id: 'user-2', email: 'one@example.com' } })).not.toBe(byId);
  expect(feedbackPerson({ user: { email: 'One@Example.com' } })).toBe(byAddress);
  expect(feedbackPerson({ user: { email: 'two@example.com' } })).not.toBe(byAddress);
  expect(feedbackPerson({ user: { id: 'one@example.com', email: 'x@example.com' } })).not.toBe(byAddress);
});

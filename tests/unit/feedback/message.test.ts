import { PermanentError } from '../../../lib/errors';
import { type Feedback, type FeedbackInput, feedbackPerson, parseFeedback } from '../../../lib/feedback/message';

const valid = (more: Record<string, unknown> = {}): FeedbackInput => ({
  user: { email: 'user@example.com' },
  subject: 'It works',
  message: 'Well done.',
  ...more,
});

function problem(data: unknown): { field: string | undefined; message: string } {
  try {
    parseFeedback(data);
  } catch (error) {
    if (error instanceof PermanentError) return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error('the data was taken');
}

describe('the data of a feedback', () => {
  it('needs only an address, a subject and a message', () => {
    expect(parseFeedback(valid())).toEqual({ ...valid(), confirmation: true });
  });

  it('may have all fields', () => {
    const full: Feedback = {
      user: { id: 'user-1', email: 'user@example.com', name: 'Zoë 李' },
      subject: 'Crash on start',
      message: 'Line one\n\tline two\r\nline three',
      category: 'bug',
      type: 'problem',
      priority: 'high',
      tags: ['ios', 'crash-report', 'größe/2'],
      customFields: [
        { id: 360, value: 'text' },
        { id: 361, value: 5 },
        { id: 362, value: true },
        { id: 363, value: ['a', 'b'] },
      ],
      attachments: [{ key: 'p/_attachments/feedback/1', name: 'screen.png', contentType: 'image/png', size: 1 }],
      confirmation: false,
      locale: 'pt-BR',
      context: { appVersion: '1.2.3', build: 45, beta: true },
    };

    expect(parseFeedback(full)).toEqual(full);
  });

  it.each([
    ['text instead of an object', 'text', 'data'],
    ['nothing', undefined, 'data'],
    ['no address', valid({ user: {} }), 'data.user.email'],
    ['a bad address', valid({ user: { email: 'nobody' } }), 'data.user.email'],
    ['an address with a second header', valid({ user: { email: 'user@example.com\r\nBcc: all' } }), 'data.user.email'],
    ['an address that is too long', valid({ user: { email: `${'x'.repeat(250)}@example.com` } }), 'data.user.email'],
    [
      'a name with a second header',
      valid({ user: { email: 'user@example.com', name: 'A\r\nBcc: all' } }),
      'data.user.name',
    ],
    [
      'a name with a line separator',
      valid({ user: { email: 'user@example.com', name: 'A\u2028B' } }),
      'data.user.name',
    ],
    ['a name with a C1 control', valid({ user: { email: 'user@example.com', name: 'A\u0085B' } }), 'data.user.name'],
    ['half a surrogate pair', valid({ subject: 'a\ud800' }), 'data.subject'],
    ['no subject', valid({ subject: undefined }), 'data.subject'],
    ['an empty subject', valid({ subject: '' }), 'data.subject'],
    ['a blank subject', valid({ subject: '   ' }), 'data.subject'],
    ['a subject of 151 characters', valid({ subject: 'x'.repeat(151) }), 'data.subject'],
    ['a subject with a tab', valid({ subject: 'a\tb' }), 'data.subject'],
    ['a number for a message', valid({ message: 5 }), 'data.message'],
    ['a blank message', valid({ message: ' \n ' }), 'data.message'],
    ['a message with a NUL', valid({ message: 'a\u0000b' }), 'data.message'],
    ['a message of too many bytes', valid({ message: 'ü'.repeat(32 * 1024 + 1) }), 'data.message'],
    ['an unknown type', valid({ type: 'complaint' }), 'data.type'],
    ['an unknown priority', valid({ priority: 'now' }), 'data.priority'],
    ['a tag with a space', valid({ tags: ['ok', 'not ok'] }), 'data.tags.1'],
    ['too many tags', valid({ tags: Array(21).fill('x') }), 'data.tags'],
    ['a custom field without a number', valid({ customFields: [{ id: 'x', value: 1 }] }), 'data.customFields.0.id'],
    ['a custom field that is deep', valid({ customFields: [{ id: 1, value: { a: 1 } }] }), 'data.customFields.0.value'],
    [
      'eleven attachments',
      valid({ attachments: Array(11).fill({ key: 'k', name: 'n', contentType: 'a/b' }) }),
      'data.attachments',
    ],
    [
      'an attachment without a name',
      valid({ attachments: [{ key: 'k', contentType: 'a/b' }] }),
      'data.attachments.0.name',
    ],
    [
      'an attachment with a second header',
      valid({ attachments: [{ key: 'k', name: 'n', contentType: 'a/b\r\nX: y' }] }),
      'data.attachments.0.contentType',
    ],
    [
      'an attachment that is too large',
      valid({ attachments: [{ key: 'k', name: 'n', contentType: 'a/b', size: 1e12 }] }),
      'data.attachments.0.size',
    ],
    ['a confirmation that is text', valid({ confirmation: 'no' }), 'data.confirmation'],
    ['a bad locale', valid({ locale: 'en_GB!' }), 'data.locale'],
    ['a context that is a list', valid({ context: ['a'] }), 'data.context'],
    ['a context that is deep', valid({ context: { device: { os: 'x' } } }), 'data.context'],
    [
      'a context that is too large',
      valid({ context: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`k${n}`, n])) }),
      'data.context',
    ],
    ['a context for a prototype', valid({ context: JSON.parse('{"__proto__":1}') }), 'data.context'],
  ])('is refused with %s by an error that names the field', (_, data, field) => {
    const told = problem(data);

    expect(told.field).toBe(field);
    expect(told.message).toContain(`${field}: `);
    expect(told.message).toMatch(/: (must|has) |: is not valid$/);
  });

  it('may be as long as the limits allow', () => {
    const longest = valid({ subject: 'x'.repeat(150), message: 'ü'.repeat(32 * 1024) });

    expect(parseFeedback(longest).message).toHaveLength(32 * 1024);
  });

  it.each([
    ['a value', valid({ subject: 'planted\u0000' })],
    ['an unknown field', valid({ planted: 1 })],
    ['a key of the context', valid({ context: { 'planted@example.com': 1 } })],
    ['a context value', valid({ context: { a: { planted: 1 } } })],
    ['a custom value', valid({ customFields: [{ id: 1, value: { planted: 1 } }] })],
  ])('is refused without repeating %s', (_, data) => {
    expect(problem(data).message).not.toContain('planted');
  });

  it('is refused without a stack overflow when it is nested a hundred thousand levels deep', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;

    expect(problem(valid({ context: deep })).field).toBe('data.context');
    expect(problem(valid({ message: deep })).field).toBe('data.message');
    expect(problem(valid({ customFields: [{ id: 1, value: deep }] })).field).toBe('data.customFields.0.value');
    expect(problem(valid({ anything: deep })).message).toBe('data: has 1 unknown field');
    expect(problem(deep).field).toBe('data');
  });
});

describe('the person of a feedback', () => {
  it("depends on the user's id, or without one on the address in any case", () => {
    const byId = feedbackPerson({ user: { id: 'user-1', email: 'one@example.com' } });
    const byAddress = feedbackPerson({ user: { email: 'one@example.com' } });

    expect(feedbackPerson({ user: { id: 'user-1', email: 'two@example.com' } })).toBe(byId);
    expect(feedbackPerson({ user: { id: 'user-2', email: 'one@example.com' } })).not.toBe(byId);
    expect(feedbackPerson({ user: { email: 'One@Example.com' } })).toBe(byAddress);
    expect(feedbackPerson({ user: { email: 'two@example.com' } })).not.toBe(byAddress);
    expect(feedbackPerson({ user: { id: 'one@example.com', email: 'x@example.com' } })).not.toBe(byAddress);
  });
});

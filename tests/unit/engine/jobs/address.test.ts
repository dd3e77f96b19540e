import { holdsAddress, mailboxOf } from '../../../../lib/engine/jobs/address';
import { growth } from '../../../support/growth';

const holds = holdsAddress('Ann.Lee+news@exämple.com');

test.each([
  'ann.lee@exämple.com',
  'ANN.LEE@EXÄMPLE.COM',
  'ann.lee@xn--exmple-cua.com',
  'ann.lee@exa\u0308mple.com',
  'ann.lee\uff20exämple.com',
  'ann.lee+other-tag@exämple.com',
  'from Ann <ann.lee@exämple.com>, today',
  'mailto:ann.lee@exämple.com?subject=x',
  'Write to ann.lee@exämple.com.',
  'ann.lee@exämple.com!',
  'wait...ann.lee@exämple.com...',
  '[ann.lee@exämple.com]',
  'user=ann.lee@exämple.com',
  'device|ann.lee@exämple.com',
  '*ann.lee@exämple.com*',
  '/search?email=ann.lee@exämple.com&x=1',
  '/u/ann.lee@exämple.com/photo',
  'https://a.example/?to=ann.lee%40ex%C3%A4mple.com',
  'https://a.example/?next=%2Fu%3Fto%3Dann.lee%2540ex%25C3%25A4mple.com',
  'q=+ann.lee@exämple.com+',
  '{"from":"ann.lee\\u0040exämple.com"}',
  'Hello\\nann.lee@exämple.com',
  'Hello\\\\nann.lee\\\\u0040exämple.com\\\\',
  'Hello\\\\\\\\ann.lee@exämple.com',
  'ann.lee+_ann.lee+_@exämple.com',
  'ann.lee&#64;exämple.com',
  'ann.lee&#x40;exämple.com',
])('%s holds the address', (text) => {
  expect(holds(text)).toBe(true);
});

test.each([
  '',
  'ann.lee',
  'jo-ann.lee@exämple.com',
  'jo+ann.lee@exämple.com',
  "o'ann.lee@exämple.com",
  'joann.lee@exämple.com',
  'jo%2Bann.lee%40exämple.com',
  'ann.lees@exämple.com',
  'annxlee@exämple.com',
  'ann.lee@exämple.community',
  'ann.lee@exämple.com.au',
  'ann.lee@exämple.com-office.example',
  'ann.lee@example.com',
  'ann.lee+","to":"bob@exämple.com',
  '&#9999999;ann.lee%ff',
])('%s holds another address or none', (text) => {
  expect(holds(text)).toBe(false);
});

test.each(['a&b@example.com', 'q=a%26b@example.com', '<p>a&amp;b@example.com</p>', 'A&B+news@EXAMPLE.com'])(
  '%s holds the address a&b@example.com',
  (text) => expect(holdsAddress('a&b@example.com')(text)).toBe(true),
);

test.each(['a/b@example.com', '/u/a%2Fb%40example.com', '\u200ba/b@example.com'])(
  '%s holds the address a/b@example.com',
  (text) => {
    expect(holdsAddress('a/b@example.com')(text)).toBe(true);
  },
);

test.each(['user@xn--e1afmkfd.xn--p1ai', 'user@пример.рф', 'user@ПРИМЕР.РФ'])(
  '%s holds the address of an international domain',
  (text) => {
    for (const email of ['user@пример.рф', 'user@xn--e1afmkfd.xn--p1ai']) expect(holdsAddress(email)(text)).toBe(true);
  },
);

// Work that grows with the square of the length would not end here.
test.each([
  ['a run of backslashes', '\\'],
  ['the beginning of the address', '=ann.lee+'],
  ['percent signs', '%4'],
  ['entities', '&#x4'],
])('a text of a million characters is read in one pass: %s', (_what, part) => {
  const text = part.repeat(1_000_000 / part.length);

  expect(holds(`@${text}`)).toBe(false);
  expect(holds(`${text} ann.lee@exämple.com`)).toBe(true);
});

test('one mailbox has one form', () => {
  const forms = ['Jo+a+b@EXAMPLE.com', ' jo@example.com ', 'ｊｏ@example.com', 'jo+@example.com'];

  expect(new Set(forms.map(mailboxOf))).toEqual(new Set(['jo@example.com']));
  expect(mailboxOf('+jo@example.com')).toBe('+jo@example.com');
  expect(mailboxOf('no address')).toContain('@');
});

test.each([
  ['backslashes', '\\'],
  ['backslashes and letters', '\\\\u'],
  ['tags', 'ann.lee+_'],
  ['marks that have to be sorted', '\u0301\u0316'],
  ['escaped marks', '%cc%81%cc%96'],
  ['escapes of escapes', '%25'],
  ['half entities', '&#x'],
  ['domains', '@exämple.com'],
])('a search in a text of %s takes time in proportion to its length', (_what, unit) => {
  const textOf = (length: number) => `@${unit.repeat(length / unit.length)}`;

  expect(growth(holds, textOf)).toBeLessThan(4);
});

import { mergeOf } from '../../../../lib/queues/emails/placeholders';

const person = { name: 'A User', data: { City: 'Ulm', n: 0, Name: '', items: [1] } };

test('a word is the value of its name in any case, the recipient’s name, or the fallback', () => {
  const text = '{{ name }} {{NAME|x}} {{city}} {{n}} {{none| there }} {{none|}} {{items|}} {{name}';
  const { content, dataFor } = mergeOf({ subject: '{{name}}', text });

  expect(content.text).toBe('{{2}} {{3}} {{4}} {{5}} {{6}} {{7}} {{8}} {{name}');
  const words = { 1: 'A User', 2: 'A User', 3: 'A User', 4: 'Ulm', 5: '0', 6: 'there', 7: '', 8: '' };
  expect(dataFor(person)).toEqual(words);
  expect(dataFor({ ...person, data: { name: 'B' } })).toMatchObject({ 1: 'B', 2: 'B' });
});

test('a word brings no mark-up into the HTML, no line break into the subject, and no other word', () => {
  const mail = { subject: 'Hi {{name}}', html: '<p>{{link}} of {{n}}</p>', text: '{{other}}' };
  const data = { name: 'A\r\nBcc: y@example.com', link: `O'Brien <a href="x">`, n: 1, other: 'a\n<b> {{1}}' };

  const clean = { 1: 'A Bcc: y@example.com', 2: 'a\n<b> { {1}}', 3: 'O’Brien  a href= x  ', 4: '1' };
  expect(mergeOf(mail).dataFor({ data })).toEqual(clean);
});

test('a dynamic template gets all data, and each key that the mail names as it is spelt there', () => {
  const { dataFor } = mergeOf({ templateId: 'd-1', templateKeys: ['city', 'name', 'items'] });

  expect(dataFor(person)).toEqual({ ...person.data, city: 'Ulm', name: 'A User' });
  expect(mergeOf({ templateId: 'd-1' }).dataFor(person)).toBe(person.data);
});

test('more placeholders than words have room for are refused without a look at each', () => {
  const text = Array.from({ length: 40_000 }, (_, n) => `{{${n}|}}`).join('');

  expect(mergeOf({ text }).unfit(person)).toMatchObject({ path: ['data'] });
});

test('the link takes encoded words, and each one once more', () => {
  const link = 'https://example.com/{{ City }}?name={{name}}&of={{city}}&by={{none|a b}}';

  expect(mergeOf({ unsubscribe: { link } }).linkFor(person)).toBe(
    'https://example.com/Ulm?name=A%20User&of=Ulm&by=a%20b',
  );
});

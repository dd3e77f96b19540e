import fc from 'fast-check';
import { wordsFor } from '../../../lib/vendors/sendgrid';

/** What a recipient reads: SendGrid replaces names by words as they are. */
const filled = (text: string, words: Record<string, string> = {}): string =>
  Object.entries(words).reduce((all, [name, word]) => all.replaceAll(`{{${name}}}`, () => word), text);

test('a word with mark-up is escaped in the HTML and stays as it is in the text', () => {
  const { html, words } = wordsFor({ html: '<p>Dear {{name}} of {{city}}</p>' }, [
    { name: `O'Brien <a href="https://evil.example">x</a>`, city: 'Rome' },
  ]);

  expect(filled(html ?? '', words[0])).toBe(
    '<p>Dear O&#39;Brien &lt;a href=&quot;https://evil.example&quot;&gt;x&lt;/a&gt; of Rome</p>',
  );
  expect(filled('{{name}}', words[0])).toContain('<a href');
});

test('a recipient cannot bring an escaped form of their own', () => {
  const { html, words } = wordsFor({ html: '<p>{{name}}</p>' }, [{ name: '<b>' }, { 'html:name': '<img src=x>' }]);

  expect(words.map((one) => filled(html ?? '', one))).toEqual(['<p>&lt;b&gt;</p>', '<p>{{html:name}}</p>']);
});

test('a word in the subject has no line break', () => {
  const { words } = wordsFor({ subject: 'Hi {{name}}' }, [{ name: 'A\r\nBcc: y@example.com', address: 'a\nb' }]);

  expect(words).toEqual([{ name: 'A Bcc: y@example.com', address: 'a\nb' }]);
});

test('without mark-up in any word the mail is as it was', () => {
  const html = '<p>{{name}}</p>';

  expect(wordsFor({ html }, [{ name: 'Ann', n: 1 }, undefined])).toEqual({
    html,
    words: [{ name: 'Ann', n: '1' }, undefined],
  });
});

test('if both forms do not fit into the limit, the word loses its mark-up and its length stays', () => {
  const html = '<p>{{name}}</p>';
  const given = wordsFor({ html }, [{ name: `<b>${'x'.repeat(6_000)}` }]);

  expect(given).toEqual({ html, words: [{ name: ` b ${'x'.repeat(6_000)}` }] });
});

test('no word brings mark-up into the HTML, and no accepted data exceeds the limit', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  const word = fc.oneof(
    fc.string({ maxLength: 4_000 }),
    fc.constant('<"\'&>'.repeat(1_500)),
    fc.constant('constructor'),
  );
  const people = fc.array(fc.record({ name: word, other: word }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(people, (all) => {
      const accepted = all.filter((one) => Buffer.byteLength(JSON.stringify(one)) <= 9_900);
      const { html, words } = wordsFor({ subject: '{{other}}', html: '[{{name}}]' }, accepted);
      for (const one of words) {
        expect(html === '[{{name}}]' ? one?.name : one?.['html:name']).not.toMatch(/[<>"]/);
        expect(Buffer.byteLength(JSON.stringify(one))).toBeLessThanOrEqual(10_000);
      }
    }),
    { seed, numRuns: 200 },
  );
});

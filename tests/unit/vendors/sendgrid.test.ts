import { wordsOf } from '../../../lib/vendors/sendgrid';

test('a word brings no mark-up into the HTML, and no line break into the subject', () => {
  const words = {
    name: 'A\r\nBcc: y@example.com',
    link: `O'Brien <a href="x">`,
    n: 1,
    other: 'a\n<b>',
    constructor: '',
  };

  expect(wordsOf({ subject: 'Hi {{name}}', html: '<p>{{link}} of {{n}}</p>' }, words)).toEqual({
    name: 'A Bcc: y@example.com',
    link: 'O’Brien  a href= x  ',
    n: '1',
    other: 'a\n<b>',
    constructor: '',
  });
});

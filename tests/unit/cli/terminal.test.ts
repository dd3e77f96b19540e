import { PassThrough } from 'node:stream';
import { askOn, terminal } from '../../../packages/cli/terminal';
import { printed } from '../../support/printed';

test('stored text cannot send commands to the terminal or turn its letters around', () => {
  const text = 'a\u001b[2Jb\u009b31mc\u202ed\re\tf';

  for (const print of [terminal.line, terminal.note])
    expect(printed(() => print(text))).toBe('a\\u001b[2Jb\\u009b31mc\\u202ed\\u000de\tf\n');
});

test('JSON output has the same value, with such characters escaped', () => {
  const value = { text: 'a\u009b31m\u202e', lines: 'a\nb' };
  const output = printed(() => terminal.json(value));

  expect(output).not.toMatch(/[\u009b\u202e]/);
  expect(JSON.parse(output)).toEqual(value);
});

test.each([
  ['acme\n', 'acme'],
  ['', ''],
])('the question is written to the given stream, and the input %j answers %j', async (typed, expected) => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  input.end(typed);

  expect(await askOn({ input, output }, 'Which? ')).toBe(expected);
  expect(String(output.read())).toContain('Which? ');
});

test('Ctrl-C at the question ends the command with a sentence', async () => {
  const [input, output] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY: true, columns: 80 })];
  const answer = askOn({ input: Object.assign(input, { isTTY: true, setRawMode: () => input }), output }, 'Which? ');
  input.write('\u0003');

  await expect(answer).rejects.toThrow('You stopped the command at its question. Nothing was changed.');
});

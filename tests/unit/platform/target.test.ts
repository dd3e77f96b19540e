import { execFileSync } from 'node:child_process';
import { words } from '../../../lib/platform/target';

const VALUES = ['TemplateMissing', "it's", '$(id) `id` "x" \\ !', '; rm -rf ~ #', 'two\nlines', ''];

test.each(VALUES)('a shell reads the value %j of a command as one word', (value) => {
  const read = execFileSync('sh', ['-c', words`printf %s ${value}`], { encoding: 'utf8' });

  expect(read).toBe(value);
});

test('a value that begins like an option is quoted, so that a reader sees it, and a plain one stays as it is', () => {
  expect(words`jobs show ${'--yes'} --queue ${'feedback'} --rate ${20}`).toBe(
    "jobs show '--yes' --queue feedback --rate 20",
  );
});

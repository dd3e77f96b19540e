import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suppressionList } from '../../../lib/emails/suppression';
import { OperatorError } from '../../../lib/ops/operator';
import { PREFIX } from '../../support/engine';
import { hashPeople } from '../../support/hash-people';
import { memoryObjects } from '../../support/memory-objects';
import { command } from '../../support/operator';

const start = () => {
  const deps = { suppression: suppressionList({ objects: memoryObjects(), prefix: PREFIX, hashPeople }) };
  return (...[name, options]: [Parameters<typeof command>[1], Record<string, string | boolean>?]) =>
    command({ deps }, name, options);
};

test("SendGrid's own export is added, and lines without an address are named by number only", async () => {
  const run = start();
  const file = join(tmpdir(), `bounces-${process.pid}.csv`);
  writeFileSync(
    file,
    'status,reason,email,created\n5.1.1,"550, no",A@example.com,1\n5.1.1,no,nobody,2\n4.0,,b@example.com,3\n',
  );

  await expect(run('suppress add', { file, as: 'bounced' })).rejects.toThrow(new OperatorError('1 line not added.'));
  const lines = [
    await run('suppress add', { email: 'a@example.com' }),
    await run('suppress remove', { email: 'b@example.com' }),
    await run('suppress remove', { email: 'b@example.com' }),
  ].flatMap((recorded) => recorded.lines);

  expect(lines).toEqual([
    '0 added, 1 listed before. The list has 2 addresses.',
    'The address was removed.',
    'The address was not listed.',
  ]);
});

test.each<[Record<string, string>, string]>([
  [{}, 'Give --email or --file.'],
  [{ email: 'a@example.com', as: 'bored' }, '--as must be one of unsubscribed, bounced, reported, erased, is bored.'],
  [{ file: '/nowhere.csv' }, '/nowhere.csv: cannot be read (ENOENT).'],
])('sls suppress add %j is refused: %s', async (options, why) => {
  await expect(start()('suppress add', options)).rejects.toThrow(new OperatorError(why));
});

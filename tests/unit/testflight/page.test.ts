import { readFileSync } from 'node:fs';
import { fromCsv } from '../../../lib/emails/recipients';
import { inviteSchema, notifyBuildSchema, removeSchema } from '../../../lib/testflight/message';
import { testerOf } from '../../../packages/cli/testflight';

const page = readFileSync('docs/testflight.md', 'utf8');
const block = (kind: string): string => new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\``, 'ms').exec(page)?.[1] ?? '';

test.each([
  ['invite', inviteSchema],
  ['remove', removeSchema],
  ['notify-build', notifyBuildSchema],
] as const)('the example of %s in the docs is valid data', (kind, schema) => {
  const data = JSON.parse(block(`json ${kind}`)) as unknown;

  expect(schema.parse(data)).toEqual(data);
});

test('the list of testers in the docs can be read', async () => {
  const rows = [];
  for await (const read of fromCsv([block('csv')])) rows.push('value' in read && testerOf(read.value));

  expect(rows).toEqual([
    { email: 'first@example.com', firstName: 'First', lastName: 'Tester' },
    { email: 'second@example.com' },
  ]);
});

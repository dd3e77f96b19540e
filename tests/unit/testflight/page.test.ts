import { readFileSync } from 'node:fs';
import { inviteSchema, notifyBuildSchema, removeSchema } from '../../../lib/testflight/message';

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

import { readFileSync } from 'node:fs';
import { commonEnv, feedbackEnv } from '../../../lib/config';

test('.env.example lists every variable of the schemas, once, and no other', () => {
  const listed = readFileSync('.env.example', 'utf8')
    .split('\n')
    .flatMap((line) => /^#?([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? []);
  const known = new Set([...Object.keys(commonEnv.shape), ...Object.keys(feedbackEnv.shape)]);

  expect(listed.toSorted()).toEqual([...known].sort());
});

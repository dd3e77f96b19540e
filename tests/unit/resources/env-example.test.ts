import { readFileSync } from 'node:fs';
import { SETTING_OF } from '../../../lib/instances/old-settings';

test('.env.example names no setting of an instance', () => {
  const listed = readFileSync('.env.example', 'utf8')
    .split('\n')
    .flatMap((line) => /^#?([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? []);

  expect(listed).toEqual(['AWS_PROFILE']);
  expect(listed.filter((name) => name in SETTING_OF)).toEqual([]);
});

import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { environmentSchemas } from '../../../lib/cli/configuration';

test('.env.example lists every variable of the schemas exactly once, and no others', () => {
  const listed = readFileSync('.env.example', 'utf8')
    .split('\n')
    .flatMap((line) => /^#?([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? []);
  const known = new Set(
    Object.values(environmentSchemas).flatMap((schema) => Object.keys((schema as z.ZodObject).shape)),
  );

  expect(listed.toSorted()).toEqual([...known].sort());
});

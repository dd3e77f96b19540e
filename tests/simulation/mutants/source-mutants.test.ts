import { readFileSync } from 'node:fs';
import { bundle } from '../draw/bundle';
import { changesOf } from '../draw/given';
import { SOURCE_MUTANTS } from './source-mutants';

test('the source has the text that each mutant replaces, exactly once', () => {
  const wrong = Object.entries(SOURCE_MUTANTS).flatMap(([name, { changes }]) =>
    changes
      .filter(({ file, find }) => readFileSync(file, 'utf8').split(find).length !== 2)
      .map(({ file, find }) => `${name}: ${file}: ${find}`),
  );

  expect(wrong).toEqual([]);
});

const PATCH = `diff --git a/lib/engine/worker/claim.ts b/lib/engine/worker/claim.ts
--- a/lib/engine/worker/claim.ts
+++ b/lib/engine/worker/claim.ts
@@ -258,2 +258,2 @@ export async function open()
       const { lease } = row;
-      if (until > clock.now())
+      if (until > clock.now() + 1)
+        // Until it has ended.
         return;
@@ -300 +301 @@
-}
`;

test('a unified diff changes what JSON changes', () => {
  const file = 'lib/engine/worker/claim.ts';
  const find = '      const { lease } = row;\n      if (until > clock.now())\n        return;\n';
  const replace = find.replace('now())', 'now() + 1)\n        // Until it has ended.');
  const changes = [
    { file, find, replace },
    { file, find: '}\n', replace: '' },
  ];

  expect(changesOf(PATCH)).toEqual(changes);
  expect(changesOf(JSON.stringify(changes))).toEqual(changes);
});

test.each([
  ['neither of both', 'open.ts: + 1', 'neither a unified diff nor JSON'],
  ['a change without a file', '[{ "find": "a", "replace": "b" }]', '0.file: must be a string'],
])('a patch is refused: %s', (_what, text, said) => {
  expect(() => changesOf(text)).toThrow(said);
});

test('a change of a file that no run reads is refused', async () => {
  const change = { file: 'lib/operate/none.ts', find: 'a', replace: 'b' };

  await expect(bundle({ patch: [change] })).rejects.toThrow('the simulator does not run lib/operate/none.ts');
});

import { readFileSync } from 'node:fs';
import { SOURCE_MUTANTS } from './source-mutants';

test('the source has the text that each mutant replaces, exactly once', () => {
  const wrong = Object.entries(SOURCE_MUTANTS).flatMap(([name, { changes }]) =>
    changes
      .filter(({ file, find }) => readFileSync(file, 'utf8').split(find).length !== 2)
      .map(({ file, find }) => `${name}: ${file}: ${find}`),
  );

  expect(wrong).toEqual([]);
});

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { moduleOf, pages } from './pages';

/**
 * The values that a snippet may use without a declaration: an Express route's request and response, and the caller's
 * own values.
 */
const GIVEN = `
import type { createProducer } from 'background-jobs-producer';
declare global {
  const request: { get(name: string): string | undefined };
  const response: { status(code: number): { json(body: unknown): void } };
  const client: { id: string };
  const data: Parameters<ReturnType<typeof createProducer>['feedback']>[0];
  const key: string, principal: string, correlationId: string, traceparent: string;
}
`;

/** In the project, so that its own tsconfig and packages are found. */
const FOLDER = resolve('tests/docs/.snippets');
const CONFIG = {
  extends: '../../../tsconfig.json',
  compilerOptions: {
    noUnusedLocals: false,
    types: ['node'],
    paths: { 'background-jobs-producer': ['../../../packages/producer/index.ts'] },
  },
  include: ['*.ts'],
};

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test('the TypeScript snippets of each page compile', () => {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(CONFIG));
  writeFileSync(join(FOLDER, 'given.ts'), GIVEN);
  const texts = pages().flatMap(({ file, blocks }) => {
    const snippets = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);
    return snippets.length === 0 ? [] : [{ file, text: moduleOf(snippets) }];
  });
  for (const { file, text } of texts) writeFileSync(join(FOLDER, `${file.replace(/\W/g, '-')}.ts`), text);

  const { stdout } = spawnSync('node_modules/.bin/tsc', ['-p', FOLDER], { encoding: 'utf8' });

  expect(texts.length).toBeGreaterThan(2);
  expect(stdout).toBe('');
});

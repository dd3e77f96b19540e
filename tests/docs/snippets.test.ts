import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { awsVariables } from '../../packages/local/connection';
import { startAws, TABLE } from '../support/emulators';
import { HASH_KEY } from '../support/hash-people';
import { pages } from './pages';

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
  const key: string, principal: string, correlationId: string, traceparent: string, timeoutMs: number;
  const outbox: typeof import('../../../examples/express-api/src/outbox');
  const database: import('../../../examples/express-api/src/outbox').Database;
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

const nameOf = (page: string) => page.replace(/\W/g, '-');

/** Writes the TypeScript of each page as one module: imports first, the rest in a function, since it may await. */
beforeAll(() => {
  // A run that was ended leaves pages that may be gone since.
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(CONFIG));
  writeFileSync(join(FOLDER, 'given.ts'), GIVEN);
  for (const { file, blocks } of pages()) {
    const lines = blocks.flatMap(({ language, text }) => (language === 'ts' ? text.split('\n') : []));
    const imports = lines.filter((line) => line.startsWith('import '));
    const rest = lines.filter((line) => !line.startsWith('import '));
    const text = [...imports, 'export async function page() {', ...rest, 'await producer.close();', '}'].join('\n');
    if (lines.length > 0) writeFileSync(join(FOLDER, `${nameOf(file)}.ts`), text);
  }
});
const before = { ...process.env };
const closing: (() => unknown)[] = [() => rmSync(FOLDER, { recursive: true, force: true })];
afterAll(async () => {
  process.env = { ...before };
  for (const close of closing) await close();
});

test('the TypeScript snippets of each page compile', () => {
  const { stdout } = spawnSync('node_modules/.bin/tsc', ['-p', FOLDER, '--checkers', '1'], { encoding: 'utf8' });

  expect(stdout).toBe('');
});

test('the code of both pages sends jobs, finds them, plans and cancels one, sends a batch, signs an upload and closes', async () => {
  const { table, endpoints, close } = await startAws({ queues: ['my-api-feedback.fifo'] });
  closing.push(close);
  const settings = {
    ...{ account: '000000000000', bucket: 'a-bucket', prefix: 'jobs', table: TABLE, emailRate: 100, hashKey: HASH_KEY },
    queues: { feedback: { type: 'fifo', retention: 345_600 } },
  };
  Object.assign(process.env, awsVariables(endpoints), { JOBS_SETTINGS: JSON.stringify(settings) });
  const answers: unknown[] = [];
  Object.assign(globalThis, {
    data: { user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' },
    ...{ key: 'request-1', principal: 'client-1', correlationId: 'c-1', traceparent: undefined, timeoutMs: 1 },
    outbox: require('../../examples/express-api/src/outbox'),
    database: { query: async () => ({ rows: [{ id: 'row-1' }] }) },
    request: { get: () => 'request-2' },
    client: { id: 'client-1' },
    response: { status: (code: number) => ({ json: (body: object) => answers.push([code, Object.keys(body)]) }) },
  });

  for (const page of ['docs/integration.md', 'docs/patterns.md']) await require(join(FOLDER, nameOf(page))).page();

  expect(answers).toEqual([
    [202, ['id']],
    [200, ['state', 'ended', 'result', 'error']],
    [202, ['id']],
    [201, ['url', 'fields', 'key', 'expiresAt']],
    [202, ['failed']],
    [202, ['row']],
    [200, ['cancelled']],
  ]);
  const accepted = await table.accepted('feedback', { limit: 20 });
  const rows = await Promise.all(accepted.map(({ key }) => table.get(key)));
  const sent = { state: 'queued', version: 2 };
  expect(rows.filter((row) => row?.notBefore === undefined)).toMatchObject(Array(8).fill(sent));
  expect(rows.filter((row) => row?.notBefore !== undefined)).toMatchObject([{ state: 'cancelled', version: 3 }]);
});

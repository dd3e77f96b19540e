import { resolve } from 'node:path';
import { build } from 'esbuild';
import { awsVariables } from '../../packages/local/connection';
import { startAws, TABLE } from '../support/emulators';
import { HASH_KEY } from '../support/hash-people';
import { moduleOf, pages } from './pages';

const before = { ...process.env };
const closing: (() => unknown)[] = [];
afterEach(async () => {
  process.env = { ...before };
  for (const close of closing.splice(0)) await close();
});

/** Bundles the page's snippets with the package's source, and answers its function. */
async function pageOf(file: string): Promise<() => Promise<void>> {
  const blocks = pages().find((page) => page.file === file)?.blocks ?? [];
  const snippets = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);
  const contents = moduleOf([...snippets, 'await producer.close();']);
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: resolve('.'), loader: 'ts' },
    alias: { 'background-jobs-producer': resolve('packages/producer/index.ts') },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const page = { exports: {} as { page: () => Promise<void> } };
  new Function('require', 'module', 'exports', outputFiles[0]?.text ?? '')(require, page, page.exports);
  return page.exports.page;
}

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
    ...{ key: 'request-1', principal: 'client-1', correlationId: 'c-1', traceparent: undefined },
    request: { get: () => 'request-2' },
    client: { id: 'client-1' },
    response: { status: (code: number) => ({ json: (body: object) => answers.push([code, Object.keys(body)]) }) },
  });

  await (await pageOf('docs/integration.md'))();
  await (await pageOf('docs/patterns.md'))();

  expect(answers).toEqual([
    [202, ['id']],
    [200, ['state', 'ended', 'result', 'error']],
    [201, ['url', 'fields', 'key', 'expiresAt']],
    [202, ['failed']],
    [200, ['cancelled']],
  ]);
  const accepted = await table.accepted('feedback', { limit: 20 });
  const rows = await Promise.all(accepted.map(({ key }) => table.get(key)));
  const sent = { state: 'queued', version: 2 };
  expect(rows.filter((row) => row?.notBefore === undefined)).toMatchObject(Array(7).fill(sent));
  expect(rows.filter((row) => row?.notBefore !== undefined)).toMatchObject([{ state: 'cancelled', version: 3 }]);
});

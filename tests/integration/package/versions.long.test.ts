import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { installProducer, PRODUCER } from '../../support/installed-producer';

/** Too large for every installation, so the test takes them from the registry. */
const TOOLS = ['@arethetypeswrong/cli@0.18.5', 'old-typescript@npm:typescript@5.4.5'];
const NODES = { 20: '20.20.2', 22: '22.23.5' };

const USE = `
const producer = createTestProducer();
producer.feedback({ user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' }).then(async ({ id }) => {
  await producer.complete(id);
  const { state } = await producer.jobs.wait(id);
  console.log(state, Object.keys(inputs).length);
});
`;
const IMPORTS = `import { createTestProducer } from '${PRODUCER}';\nimport { inputs } from '${PRODUCER}/schemas';\n`;
const REQUIRES = `const { createTestProducer } = require('${PRODUCER}');\nconst { inputs } = require('${PRODUCER}/schemas');\n`;

test('the package works with old and new TypeScript and Node, as an ES module and as CommonJS', async () => {
  const tools = mkdtempSync(join(tmpdir(), 'versions-'));
  const nodes = Object.entries(NODES).map(
    ([line, version]) => `node-${line}@npm:node-${process.platform}-x64@${version}`,
  );
  writeFileSync(join(tools, 'package.json'), '{}');
  const options = ['--no-audit', '--no-fund', '--ignore-scripts'];
  const installed = spawnSync('npm', ['install', ...options, ...TOOLS, ...nodes], { cwd: tools, encoding: 'utf8' });
  if (installed.status !== 0) {
    process.stderr.write(
      `npm installs no other versions here, so the package is not tried with them: ${installed.stderr}`,
    );
    return;
  }
  const consumer = await installProducer(['@types/node', 'undici-types']);
  const tool = (path: string) => join(tools, 'node_modules', path);
  const compilerOptions = { strict: true, noEmit: true, target: 'es2022', module: 'nodenext', types: ['node'] };
  consumer.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['use.mts', 'use.cts'] }));
  for (const file of ['use.mts', 'use.cts', 'use.mjs']) consumer.write(file, IMPORTS + USE);
  consumer.write('use.cjs', REQUIRES + USE);

  expect(consumer.run(process.execPath, [tool('@arethetypeswrong/cli/dist/index.js'), consumer.tarball])).toContain(
    'No problems found',
  );
  for (const compiler of [tool('old-typescript/lib/tsc.js'), resolve('node_modules/typescript/bin/tsc')])
    expect(consumer.run(process.execPath, [compiler, '-p', '.'])).toBe('');
  for (const node of [tool('node-20/bin/node'), tool('node-22/bin/node'), process.execPath])
    for (const file of ['use.mjs', 'use.cjs']) expect(consumer.run(node, [file])).toBe('succeeded 8\n');
  consumer.remove();
  rmSync(tools, { recursive: true, force: true });
});

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

/**
 * `node --import tsx tests/simulation/released/build.ts REVISION` writes bundle.cjs, the code of that revision, and
 * ports.ts, the ports as it knows them. Both are committed: tests need no git history.
 */
async function main(given: string): Promise<void> {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: join(__dirname, '../../..'), encoding: 'utf8' });
  const revision = git('rev-parse', '--short=7', `${given}^{commit}`).trim();
  const tree = mkdtempSync(join(tmpdir(), 'released-'));
  try {
    git('archive', '--output', join(tree, 'tree.tar'), revision);
    execFileSync('tar', ['-xf', 'tree.tar'], { cwd: tree });
    const inside = join(tree, 'tests/simulation/released');
    mkdirSync(inside, { recursive: true });
    for (const file of ['entry.ts', 'host.ts']) copyFileSync(join(__dirname, file), join(inside, file));
    copyFileSync(join(tree, 'lib/ports.ts'), join(__dirname, 'ports.ts'));
    await build({
      entryPoints: [join(inside, 'entry.ts')],
      outfile: join(__dirname, 'bundle.cjs'),
      absWorkingDir: tree,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'es2024',
      plugins: [packagesOutside],
      define: { RELEASED: JSON.stringify(revision) },
      banner: { js: `// Made by build.ts from revision ${revision}. Do not change it by hand.` },
    });
  } finally {
    rmSync(tree, { recursive: true });
  }
}

/** Packages come from node_modules when a test runs. An unused package is not loaded. */
const packagesOutside: Plugin = {
  name: 'packages-outside',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^[^.]/ }, ({ path, kind }) =>
      kind === 'entry-point' || isAbsolute(path) ? undefined : { path, external: true, sideEffects: false },
    );
  },
};

main(process.argv[2] ?? '').catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

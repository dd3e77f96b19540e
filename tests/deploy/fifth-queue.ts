import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { follow } from '../support/add-a-queue';
import type { Report } from './report';

const LEFT_OUT = ['node_modules', '.git', '.local', '.serverless', '.esbuild'];

/** The tests that know all queues, functions, folders or permissions. */
const TESTS = [
  'tests/bench/cost',
  'tests/docs',
  'tests/unit/instances',
  'tests/unit/resources',
  'tests/unit/jobs',
  'tests/unit/ops',
  'tests/unit/reconcile',
  'tests/unit/cli/retention',
  'tests/integration/permissions',
  'tests/integration/local/queues',
  'tests/integration/local/commands',
];

/** Follows docs/add-a-queue.md in a copy of the project, and runs there what the page says to run. */
export function checkFifthQueue({ check }: Pick<Report, 'check'>): void {
  const root = mkdtempSync(join(tmpdir(), 'fifth-queue-'));
  const run = (args: string[]) => {
    const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8' });
    check(`npm ${args.join(' ')}`, status === 0, `${stdout}${stderr}`);
  };
  try {
    cpSync('.', root, { recursive: true, filter: (path) => !LEFT_OUT.includes(basename(path)) });
    symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'));
    // `npm run check` asks git for the files.
    spawnSync('git', ['init', '--quiet', root]);
    appendFileSync(join(root, '.git/info/exclude'), 'node_modules\n');
    follow(root);
    run(['run', 'schemas']);
    run(['run', 'cost:count']);
    run(['run', 'permissions']);
    run(['run', 'check']);
    run(['test', '--', ...TESTS]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localPackage, templateOf } from '../support/packages';
import { permissionTable } from '../support/permissions';
import { withTable } from './pages';

const PAGE = 'resources/permissions.md';

/** `npm run permissions`: writes the table of permissions into resources/permissions.md. */
async function main(): Promise<void> {
  const output = mkdtempSync(join(tmpdir(), 'permissions-'));
  process.env.PACKAGES = output;
  try {
    const { resources } = await localPackage();
    const template = { Resources: resources } as Parameters<typeof permissionTable>[0];
    const [head = '', , ...rows] = permissionTable(template, await templateOf('prod')).split('\n');
    writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8'), head, rows));
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

void main();

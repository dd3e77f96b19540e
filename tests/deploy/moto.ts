import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { close, listen } from '../../packages/local/loopback';

/** The missing Python tools that this test needs. */
export const missingTools = (): string[] => [
  ...['moto_server', 'cfn-lint'].filter((tool) => spawnSync(tool, ['--help'], { stdio: 'ignore' }).status !== 0),
  // moto_server.py extends the server, so the module must be importable.
  ...(spawnSync('python3', ['-c', 'import moto.server'], { stdio: 'ignore' }).status === 0 ? [] : ['moto for python3']),
];

export interface Moto {
  endpoint: string;
  stop(): void;
}

/** Starts moto's server on a free port of 127.0.0.1. Resolves when it answers. */
export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  // A process group of its own, so that stop() also reaches child processes.
  const child = spawn('python3', [join(__dirname, 'moto_server.py'), port], { stdio: 'ignore', detached: true });
  const stop = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
  };
  // An IP address, because the SDK would put the bucket's name in front of a host name.
  const endpoint = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(200)) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${endpoint}/moto-api/data.json`).catch(() => undefined);
    if (answer?.ok) return { endpoint, stop };
  }
  stop();
  throw new Error('moto_server did not start');
}

async function freePort(): Promise<string> {
  const server = createServer();
  const { port } = new URL(await listen(server, 0));
  await close(server);
  return port;
}

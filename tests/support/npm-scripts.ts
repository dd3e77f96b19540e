import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Running, watched } from './running';
import { serviceDirectory } from './sls';

/** A copy of the project for a test file, and its npm scripts. Each runs in a process group of its own, as in a terminal. */
export function npmScripts() {
  const directory = serviceDirectory();
  const processes: Running[] = [];
  afterEach(async () => {
    for (const running of processes.splice(0)) await running.end('SIGKILL', { group: true });
  });
  afterAll(() => directory.remove());

  function started(script: 'start' | 'example'): Running {
    const { scripts } = JSON.parse(readFileSync(join(directory.path, 'package.json'), 'utf8'));
    const [, ...words] = scripts[script].split(' ');
    const running = watched(
      spawn(process.execPath, words, {
        cwd: directory.path,
        env: { PATH: process.env.PATH, HOME: process.env.PACKAGES, PORT: '0' },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      }),
    );
    processes.push(running);
    return running;
  }

  /** Runs `npm start` until it serves requests. Answers the address of the example API, too. */
  async function service() {
    const running = started('start');
    const [, api = ''] = await running.says(/(http:\/\/127\.0\.0\.1:\d+)[\s\S]*Press Ctrl-C to stop it\./);
    return { running, api };
  }
  return { path: directory.path, started, service };
}

/** Sends the example API a feedback. */
export const sendFeedback = (api: string) =>
  fetch(`${api}/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' }),
  });

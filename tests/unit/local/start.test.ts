import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const SERVICE =
  "import { onStop } from './packages/local/start.ts'; onStop(() => { console.log('stopped'); process.exitCode = 0; process.stdin.destroy(); }); console.log(process.pid); process.stdin.resume();";

/** A service below a shell, as npm starts it. */
function started() {
  const shell = `"${process.execPath}" --import tsx --input-type=module -e "${SERVICE}"; true`;
  const child = spawn('sh', ['-c', shell], { env: { ...process.env, npm_lifecycle_event: 'start' }, stdio: 'pipe' });
  child.stdout.setEncoding('utf8');
  return child;
}

test.each([
  ['npm has ended its shell', (shell: ChildProcess) => void shell.kill('SIGTERM')],
  ['SIGTERM reaches it', (_shell: ChildProcess, pid: number) => void process.kill(pid, 'SIGTERM')],
])('the service stops once when %s', async (_what, end) => {
  const shell = started();
  const [pid] = (await once(shell.stdout, 'data')) as [string];
  let output = '';
  shell.stdout.on('data', (text: string) => {
    output += text;
  });

  end(shell, Number(pid));
  await once(shell, 'close');

  expect(output).toBe('stopped\n');
});

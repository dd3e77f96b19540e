import { spawn } from 'node:child_process';
import { once } from 'node:events';

const SERVICE =
  "import { onStop } from './lib/local/on-stop.ts'; onStop(() => { console.log('stopped'); process.exitCode = 0; process.stdin.destroy(); }); console.log(process.pid); process.stdin.resume();";

/** A service below a shell, as npm starts it. */
function started() {
  const shell = `"${process.execPath}" --import tsx --input-type=module -e "${SERVICE}"; true`;
  const child = spawn('sh', ['-c', shell], { env: { ...process.env, npm_lifecycle_event: 'start' }, stdio: 'pipe' });
  child.stdout.setEncoding('utf8');
  return child;
}

test('the service stops when npm has ended its shell', async () => {
  const shell = started();
  let output = '';
  shell.stdout.on('data', (text: string) => {
    output += text;
  });
  await once(shell.stdout, 'data');

  shell.kill('SIGTERM');
  await once(shell, 'close');

  expect(output).toMatch(/^\d+\nstopped\n$/);
});

test('the service stops once at SIGTERM', async () => {
  const shell = started();
  const [pid] = (await once(shell.stdout, 'data')) as [string];
  let output = '';
  shell.stdout.on('data', (text: string) => {
    output += text;
  });

  process.kill(Number(pid), 'SIGTERM');
  await once(shell, 'close');

  expect(output).toBe('stopped\n');
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';

const SERVICE =
  "import { onStop } from './packages/local/stop.ts'; const alive = setInterval(() => {}, 1_000); onStop(() => { console.log('stopped'); clearInterval(alive); }); console.log('started');";

/** A service below a shell, as npm starts it. */
function started() {
  const shell = `"${process.execPath}" --import tsx --input-type=module -e "${SERVICE}"; true`;
  const child = spawn('sh', ['-c', shell], { env: { ...process.env, npm_lifecycle_event: 'start' }, stdio: 'pipe' });
  child.stdout.setEncoding('utf8');
  return child;
}

test('the service stops once when npm has ended its shell', async () => {
  const shell = started();
  await once(shell.stdout, 'data');
  let output = '';
  shell.stdout.on('data', (text: string) => {
    output += text;
  });

  shell.kill('SIGTERM');
  await once(shell, 'close');

  expect(output).toBe('stopped\n');
});

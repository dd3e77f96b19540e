import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { npmScripts } from '../../support/npm-scripts';
import { PATIENCE_MS } from '../../support/patience.cjs';

const { path, service } = npmScripts();

const [intro = '', ...exercises] = readFileSync('docs/on-call.md', 'utf8').split(/^## /m);
const blocks = (text: string) =>
  [...text.matchAll(/^```(sh|text)\n([\s\S]*?)^```$/gm)].map(([, kind = '', code = '']) => ({ kind, code }));
const [functions = ''] = blocks(intro).map(({ code }) => code);

const OVER = 'over-and-out';

/** A shell as a reader has it. `run` answers what the lines say. */
function terminal() {
  const child = spawn('bash', { cwd: path, env: { PATH: process.env.PATH, HOME: path } });
  const run = (lines: string): Promise<string> =>
    new Promise((resolve) => {
      let said = '';
      const hear = (chunk: Buffer) => {
        said += chunk;
        if (!said.includes(OVER)) return;
        child.stdout.off('data', hear);
        resolve(said.replace(OVER, ''));
      };
      child.stdout.on('data', hear);
      child.stdin.write(`{ :\n${lines}\n} 2>&1 </dev/null\necho ${OVER}\n`);
    });
  return { run, end: () => child.kill() };
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const shows = (output: string, line: string): boolean =>
  new RegExp(line.trim().split('…').map(literal).join('.*')).test(output);

async function play(
  exercise: string,
  { own, run }: { own: (code: string) => string; run: (lines: string) => Promise<string> },
) {
  let look = '';
  for (const { kind, code } of blocks(exercise)) {
    const lines = own(code.trimEnd()).split('\n');
    if (kind === 'sh') {
      // The last line looks. Those before it act, once.
      look = lines.pop() ?? '';
      await run(lines.join('\n'));
      continue;
    }
    const last = Date.now() + PATIENCE_MS;
    let output = await run(look);
    for (; !lines.every((line) => shows(output, line)); output = await run(look))
      if (Date.now() > last) throw new Error(`${exercise.split('\n')[0]}: the page says ${lines}, seen: ${output}`);
  }
}

test(
  'the exercises show what the page says, one after the other',
  async () => {
    const { running, api } = await service();
    // The service of this test, and workers of no other.
    const own = (code: string) =>
      code.replaceAll('http://127.0.0.1:3000', api).replaceAll('pkill -9 -f', `pkill -9 -g ${running.pid} -f`);
    const { run, end } = terminal();
    try {
      await run(own(functions));
      for (const exercise of exercises) await play(exercise, { own, run });
    } finally {
      end();
    }
  },
  2 * PATIENCE_MS,
);

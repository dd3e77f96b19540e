import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundled, printedBy } from './process';
import { inTurns, type Size, tableOf } from './table';

const HANDLERS = readdirSync('handlers').filter((name) => name.endsWith('.ts'));

const SIZES = { full: { runs: 21, handlers: HANDLERS }, small: { runs: 1, handlers: ['feedback.ts'] } };
const CLIENT = /node_modules\/(@aws-sdk\/(?:client|lib)-[a-z-]+)\//;
/** What a worker of this kind usually carries beside its AWS clients. */
const USUAL = [...['logger', 'metrics', 'batch'].map((name) => `@aws-lambda-powertools/${name}`), 'zod'];
const USUAL_VENDORS: Record<string, string[]> = {
  'feedback.ts': ['@sendgrid/mail', 'node-zendesk'],
  'emails.ts': ['@sendgrid/mail'],
  'testflight.ts': ['@sendgrid/mail', 'jose'],
};

/** How long each function's bundle takes to load in a fresh process, beside its AWS clients alone and a usual stack. */
export async function loadTimes(size: Size): Promise<string> {
  const { runs, handlers } = SIZES[size];
  const folder = mkdtempSync(join(tmpdir(), 'bundles-'));
  try {
    const rows: Awaited<ReturnType<typeof measured>>[] = [];
    for (const handler of handlers) rows.push(await measured(folder, handler, runs));
    return [
      `Time to load a bundle in a fresh process: CPU time, the fastest of ${runs} runs.`,
      tableOf(
        rows,
        ['function', ({ name }) => name],
        ['KB', ({ kilobytes }) => kilobytes],
        ['ms', ({ own }) => own.toFixed(0)],
        ['AWS clients alone, ms', ({ alone }) => alone.toFixed(0)],
        ['× clients', ({ own, alone }) => (own / alone).toFixed(2)],
        ['usual stack, ms', ({ usual }) => usual.toFixed(0)],
        ['× usual', ({ own, usual }) => (own / usual).toFixed(2)],
      ),
    ].join('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(folder: string, handler: string, runs: number) {
  const name = handler.replace('.ts', '');
  const ours = await bundled({ file: `handlers/${handler}` });
  const clients = [...new Set(ours.files.flatMap((file) => CLIENT.exec(file)?.[1] ?? []))];
  const entry = (modules: string[]) =>
    modules.map((module, n) => `import * as m${n} from '${module}';\n(globalThis as any).m${n} = m${n};`).join('\n');
  const variants = {
    own: ours.code,
    alone: (await bundled({ code: entry(clients) })).code,
    usual: (await bundled({ code: entry([...clients, ...USUAL, ...(USUAL_VENDORS[handler] ?? [])]) })).code,
  };
  const fileOf = (variant: string) => join(folder, `${variant}-${name}.cjs`);
  for (const [variant, code] of Object.entries(variants)) writeFileSync(fileOf(variant), code);
  const files = { own: fileOf('own'), alone: fileOf('alone'), usual: fileOf('usual') };
  const { own, alone, usual } = await inTurns(files, load, { rounds: runs, warmUp: 0 });
  const kilobytes = Math.round(ours.code.length / 1_000);
  return { name, kilobytes, own: Math.min(...own), alone: Math.min(...alone), usual: Math.min(...usual) };
}

/** CPU time, because other processes on the machine slow the variants down by different amounts. */
async function load(file: string): Promise<number> {
  const program = `const before = process.cpuUsage(); require(${JSON.stringify(file)});
    const { user, system } = process.cpuUsage(before); process.stdout.write(String((user + system) / 1000));`;
  return Number(await printedBy(['-e', program]));
}

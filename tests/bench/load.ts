import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { parse } from 'yaml';
import { type Size, table } from './table';

const HANDLERS = readdirSync('handlers');

const SIZES = { full: { runs: 21, handlers: HANDLERS }, small: { runs: 1, handlers: ['feedback.ts'] } };
const CLIENT = /node_modules\/(@aws-sdk\/(?:client|lib)-[a-z-]+)\//;
/** What a worker of this kind usually carries beside its AWS clients. */
const USUAL = [
  '@aws-lambda-powertools/logger',
  '@aws-lambda-powertools/metrics',
  '@aws-lambda-powertools/batch',
  'zod',
];
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
    const rows: (string | number)[][] = [];
    for (const handler of handlers) rows.push(await row(folder, handler, runs));
    return [
      `Time to load a bundle in a fresh process: CPU time, the fastest of ${runs} runs.`,
      table(['function', 'KB', 'ms', 'AWS clients alone, ms', '× clients', 'usual stack, ms', '× usual'], rows),
    ].join('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function row(folder: string, handler: string, runs: number): Promise<(string | number)[]> {
  const ours = await bundled({ handler });
  const clients = [...new Set(ours.files.flatMap((file) => CLIENT.exec(file)?.[1] ?? []))];
  const entry = (modules: string[]) =>
    modules.map((name, n) => `import * as m${n} from '${name}';\n(globalThis as any).m${n} = m${n};`).join('\n');
  const variants = [
    ours.code,
    (await bundled({ code: entry(clients) })).code,
    (await bundled({ code: entry([...clients, ...USUAL, ...(USUAL_VENDORS[handler] ?? [])]) })).code,
  ].map((code, n) => {
    const file = join(folder, `${n}-${handler.replace('.ts', '.cjs')}`);
    writeFileSync(file, code);
    return { file, ms: [] as number[] };
  });
  for (let run = 0; run < runs; run++) for (const { file, ms } of variants) ms.push(load(file));
  const [own = 0, alone = 0, usual = 0] = variants.map(({ ms }) => Math.min(...ms));
  const kilobytes = Math.round(ours.code.length / 1_000);
  return [
    handler.replace('.ts', ''),
    kilobytes,
    ...[own, alone].map((ms) => ms.toFixed(0)),
    (own / alone).toFixed(2),
    usual.toFixed(0),
    (own / usual).toFixed(2),
  ];
}

/** CPU time, because other processes on the machine slow the variants down by different amounts. */
function load(file: string): number {
  const program = `const before = process.cpuUsage(); require(${JSON.stringify(file)});
    const { user, system } = process.cpuUsage(before); process.stdout.write(String((user + system) / 1000));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  if (stdout === '') throw new Error(`the bundle does not load: ${stderr}`);
  return Number(stdout);
}

/** The bundle's options in serverless.yml that decide its size. */
interface Options {
  alias: Record<string, string>;
  mainFields: string[];
  target: string;
}

/** A bundle as a deployment makes it: its code, and the files that are in it. `code`: an entry that is in no file. */
async function bundled(entry: { handler: string } | { code: string }): Promise<{ code: Uint8Array; files: string[] }> {
  const { custom } = parse(readFileSync('serverless.yml', 'utf8'), { logLevel: 'error' }) as {
    custom: { esbuild: Options };
  };
  const { alias, mainFields, target } = custom.esbuild;
  const { outputFiles, metafile } = await build({
    ...('handler' in entry
      ? { entryPoints: [`handlers/${entry.handler}`], alias }
      : // Other code has the vendors' own clients.
        { stdin: { contents: entry.code, resolveDir: process.cwd(), loader: 'ts' as const } }),
    ...{ mainFields, target },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  return { code: outputFiles[0]?.contents ?? new Uint8Array(), files: Object.keys(metafile.inputs) };
}

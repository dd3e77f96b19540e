import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REGION } from '../../lib/local/cloud';
import { announce } from '../../lib/local/connection';
import { startService } from '../../lib/local/service';
import { packageService } from '../../lib/local/template/package';
import { serviceDirectory } from '../support/sls';
import { median, table } from './table';

const RUNS = 7;
const SLS = join(process.cwd(), 'node_modules', 'serverless', 'bin', 'serverless.js');
const EMPTY_SERVICE = 'service: empty\nprovider:\n  name: aws\n';
const BARE = 'osls print of an empty service';
/** The last lines of each process: what it used. Its file is loaded before the command. */
const NOTE_CPU = `process.on('exit', () => require('node:fs').writeFileSync(process.env.CPU_FILE, JSON.stringify(process.cpuUsage())));`;

const commands = (id: string): string[] => [
  'jobs',
  'jobs list',
  `jobs show ${id}`,
  'queues',
  'campaign list',
  'verify',
  'producer env',
  'instances',
];

/**
 * How long our commands take against the service on this machine, beside `osls print` of an empty service. The runs of all
 * take turns, so that each meets the same machine.
 */
export async function commandTimes(): Promise<string> {
  const empty = mkdtempSync(join(tmpdir(), 'empty-service-'));
  const output = mkdtempSync(join(tmpdir(), 'local-package-'));
  const project = serviceDirectory();
  writeFileSync(join(empty, 'serverless.yml'), EMPTY_SERVICE);
  writeFileSync(join(empty, 'cpu.cjs'), NOTE_CPU);
  const service = await startService({ packaged: await packageService({ stage: 'local', output }) });
  try {
    const { api, endpoints } = service;
    announce({ api, endpoints, region: REGION }, project.path);
    const all = [BARE, ...commands(await submitted(api))];
    const took = new Map(all.map((name) => [name, [] as Took[]]));
    for (let run = 0; run <= RUNS; run++)
      for (const name of all) {
        const one = name === BARE ? await timed(empty, 'print', empty) : await timed(project.path, name, empty);
        // The first run bundles the code.
        if (run > 0) took.get(name)?.push(one);
      }
    const medians = all.map((name) => {
      const runs = took.get(name) ?? [];
      return {
        name,
        seconds: median(runs.map(({ ms }) => ms)) / 1_000,
        cpu: median(runs.map(({ cpu }) => cpu)) / 1_000,
      };
    });
    const [bare = { seconds: 0, cpu: 0 }] = medians;
    return [
      `sls commands, medians of ${RUNS} runs, seconds. "adds" is the difference from the first line:`,
      table(
        ['', 'time', 'adds', 'CPU', 'adds'],
        medians.map(({ name, seconds, cpu }) => [
          name.replace(/[0-9a-f-]{36}/, 'ID'),
          ...[seconds, seconds - bare.seconds, cpu, cpu - bare.cpu].map((value) => value.toFixed(2)),
        ]),
      ),
    ].join('\n');
  } finally {
    await service.stop();
    project.remove();
    for (const folder of [empty, output]) rmSync(folder, { recursive: true, force: true });
  }
}

interface Took {
  ms: number;
  /** Of the command's process, ms. */
  cpu: number;
}

async function timed(cwd: string, command: string, tools: string): Promise<Took> {
  const file = join(tools, 'cpu.json');
  const env = { PATH: process.env.PATH, HOME: cwd, CPU_FILE: file };
  const begun = performance.now();
  await promisify(execFile)(process.execPath, ['--require', join(tools, 'cpu.cjs'), SLS, ...command.split(' ')], {
    cwd,
    env,
  });
  const ms = performance.now() - begun;
  const { user, system } = JSON.parse(readFileSync(file, 'utf8')) as NodeJS.CpuUsage;
  return { ms, cpu: (user + system) / 1_000 };
}

/** The id of a new job. */
async function submitted(api: string): Promise<string> {
  const body = JSON.stringify({ user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' });
  const headers = { 'content-type': 'application/json' };
  const { id } = (await (await fetch(`${api}/feedback`, { method: 'POST', headers, body })).json()) as { id: string };
  return id;
}

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { close, listen } from '../../packages/local/loopback';
import { readPackage } from '../../packages/local/template/package';
import { changeInstance } from '../support/instances';
import { watchedService } from '../support/local-service';
import { compiledTemplate } from '../support/sls';
import type { Report } from './report';

const page = fs.readFileSync('docs/add-a-queue.md', 'utf8');

/** What the page says to do to files, in its order, for a queue with this name. */
const editsFor = (name: string) =>
  [
    ...renamed(page, name).matchAll(
      /^(?:In `(.+?)`, (under|above) `(.+?)`|New file: (\S+?)):?\n\n```\w+\n([\s\S]*?)^```$/gm,
    ),
  ].map(([, file = '', where = '', anchor = '', created = '', text = '']) => ({ file, where, anchor, created, text }));

const LEFT_OUT = ['node_modules', '.git', '.local', '.serverless', '.esbuild'];

/** A copy of the project, to change it. */
export function projectCopy(): string {
  const root = fs.mkdtempSync(join(tmpdir(), 'project-'));
  fs.cpSync('.', root, { recursive: true, filter: (path) => !LEFT_OUT.includes(basename(path)) });
  fs.symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'), 'junction');
  return root;
}

/** The tests that know all queues, functions, folders or permissions. */
const TESTS = [
  ...['tests/bench/cost', 'tests/docs', 'tests/unit/(instances|resources|engine/jobs|engine/reconcile|operate/ops)/'],
  ...['tests/unit/cli/bucket-check', 'tests/integration/permissions', 'tests/integration/local/(queues|commands)'],
];

/** Follows docs/add-a-queue.md in copies of the project, runs there what the page says to run, and then a job. */
export async function checkFifthQueue({ check, equal }: Pick<Report, 'check' | 'equal'>): Promise<void> {
  const inCopy = async (name: string, use: (root: string, run: (args: string[]) => void) => Promise<void> | void) => {
    const root = projectCopy();
    try {
      // `npm run check` asks git for the files.
      spawnSync('git', ['init', '--quiet', root]);
      fs.appendFileSync(join(root, '.git/info/exclude'), 'node_modules\n');
      follow(root, name);
      const run = (args: string[]) => {
        const options = { cwd: root, encoding: 'utf8', maxBuffer: Infinity } as const;
        const { status, error, stdout, stderr } = spawnSync('npm', args, options);
        check(`queue ${name}: npm ${args.join(' ')}`, status === 0, `${error ?? ''}${stdout}${stderr}`);
      };
      for (const script of ['format', 'schemas', 'cost:count', 'permissions', 'check']) run(['run', script]);
      await use(root, run);
    } finally {
      fs.rmSync(root, { recursive: true, force: true });
    }
  };
  equal('the page names eight files', new Set(editsFor('push').map(({ file, created }) => file || created)).size, 8);
  await inCopy(LONG, (_root, run) => run(['test', '--', 'tests/docs', 'tests/unit/(instances|resources)/']));
  await inCopy('push', async (root, run) => {
    run(['test', '--', ...TESTS]);
    const { id, state, attempts, result, requests } = await doneJob(root);
    equal('its job ends', { state, attempts, result }, { state: 'succeeded', attempts: 1, result: { id: 'push-1' } });
    const data = { device: 'device-1', title: 'Hello', text: 'It works' };
    equal(`the push service gets job ${id} once`, requests, [{ authorization: 'Bearer local-push-key', body: data }]);
  });
}

/** Sends the job of the page to the service of the copy. `requests`: what a push service on loopback has got. */
async function doneJob(root: string) {
  const requests: object[] = [];
  const push = createServer(async (request, response) => {
    requests.push({ authorization: request.headers.authorization, body: await json(request) });
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'push-1' }));
  });
  changeInstance(root, 'local', { 'push.endpoint': await listen(push, 0) });
  const output = join(root, 'package-local');
  await compiledTemplate(root, 'local', { output });
  const service = await watchedService(readPackage(output));
  try {
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
    const body = JSON.stringify({ ...(JSON.parse(example) as object), time: new Date().toISOString() });
    const { id } = JSON.parse(body) as { id: string };
    const message = { body, groupId: id, deduplicationId: id };
    await service.ports.queues.send(service.deployment.queueUrl('push'), message);
    return { ...(await service.recorded(id)), requests };
  } finally {
    await Promise.all([service.stop(), close(push)]);
  }
}

/** A name of 16 letters. */
const LONG = 'paymentreminders';
const capital = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);
const renamed = (text: string, name: string): string =>
  text.replaceAll('push', name).replaceAll('Push', capital(name)).replaceAll('PUSH', name.toUpperCase());

/** Does exactly what the page says to the files in a copy of the project. */
export function follow(root: string, name = 'push'): void {
  for (const { file, where, anchor, created, text } of editsFor(name)) {
    const path = join(root, created || file);
    if (created) {
      fs.mkdirSync(dirname(path), { recursive: true });
      fs.writeFileSync(path, text);
    } else {
      const lines = fs.readFileSync(path, 'utf8').split('\n');
      const at = lines.findIndex((line) => line.startsWith(anchor));
      if (at < 0) throw new Error(`${file} has no line ${anchor}`);
      lines.splice(where === 'under' ? at + 1 : at, 0, text.replace(/\n$/, ''));
      fs.writeFileSync(path, lines.join('\n'));
    }
  }
}

import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Packaged, readPackage } from '../../packages/local/template/package';
import { readInstance } from '../../resources/instances/read';
import { changeInstance } from './instances';
import { type CompiledTemplate, compiledTemplate, readTemplate, serviceDirectory, withoutCode } from './sls';

type Changes = Parameters<typeof changeInstance>[2];

export const SECRETS_KEY = 'arn:aws:kms:us-east-1:123456789012:key/example';

const DISCORD = 'ssm:/example/discord-webhook-url';

/** Between them they have every setting of an instance's file that adds or changes resources. */
export const compiled = {
  staging: {
    instance: 'mht-api-staging',
    changes: { notify: { email: 'ops@example.com', runbook: 'https://example.com/runbook', discord: DISCORD } },
  },
  prod: {
    instance: 'mht-api',
    changes: {
      secretsKey: SECRETS_KEY,
      events: { bus: 'own', webhook: { url: 'https://api.example.com/job-events', key: 'secretsmanager:mht/webhook' } },
      'analytics.athena': true,
    },
  },
  /** The client with two queues. It gives access to its API, and to programs of another account. */
  second: {
    instance: 'acme',
    changes: {
      kmsKey: 'own',
      'access.api': ['ecs-tasks.amazonaws.com', 'arn:aws:iam::123456789012:role/shop-api'],
      'access.organization': 'o-a1b2c3d4e5',
      'queues.feedback': { accounts: ['210987654321'] },
      'queues.emails.accounts': ['arn:aws:iam::210987654321:role/newsletter'],
    },
  },
};

/** The template of an instance as `sls package` compiles it. The first test file that asks packages it for all. */
export async function templateOf(name: keyof typeof compiled): Promise<CompiledTemplate> {
  const { instance, changes } = compiled[name];
  return readTemplate(await makeOnce(name, (output) => compileTemplate(instance, { changes, output })));
}

/** Compiles the template of a changed instance. Without `code` its functions have none. */
export async function compileTemplate(instance: string, given: { changes: Changes; output: string; code?: true }) {
  const directory = serviceDirectory();
  if (!given.code) withoutCode(directory);
  changeInstance(directory.path, instance, given.changes);
  await compiledTemplate(directory.path, instance, given).finally(() => directory.remove());
}

/** The local stage with other settings. Its functions have the code of `localPackage`: only variables differ. */
export async function changedLocalPackage(changes: Changes): Promise<Packaged> {
  const { directory } = await localPackage();
  const output = mkdtempSync(join(tmpdir(), 'template-'));
  await compileTemplate('local', { changes, output });
  const { resources } = readPackage(output);
  rmSync(output, { recursive: true });
  return { directory, resources };
}

/**
 * The local stage with its code, also once for all. Tests share its directory and must not write there. It has a customer
 * key for the test of permissions, by which no other call of its functions, producers and people differs. Each queue has
 * few workers, because a process of each takes longer to start than its jobs take.
 */
export async function localPackage(): Promise<Packaged> {
  const few = readInstance('local').rows.map(({ name }) => [`queues.${name}.concurrency`, 3]);
  const changes = { kmsKey: 'own', ...Object.fromEntries(few) };
  return readPackage(await makeOnce('local', (output) => compileTemplate('local', { changes, output, code: true })));
}

/** Test files run in separate processes. The first to create a directory packages into it, and the others wait. */
export async function makeOnce(name: string, make: (output: string) => Promise<void>): Promise<string> {
  const root = process.env.PACKAGES;
  if (!root) throw new Error('PACKAGES is set by tests/support/global-setup.cjs');
  const [making, made, failure] = [join(root, `${name}-making`), join(root, name), join(root, `${name}-failure`)];
  if (mkdirSync(making, { recursive: true }) === undefined) await appearance(root, [made, failure]);
  else
    await make(join(making, 'output')).then(
      () => renameSync(join(making, 'output'), made),
      (error: unknown) => writeFileSync(failure, error instanceof Error ? error.message : String(error)),
    );
  if (existsSync(failure)) throw new Error(readFileSync(failure, 'utf8'));
  return made;
}

async function appearance(root: string, paths: string[]): Promise<void> {
  const watcher = watch(root);
  try {
    while (!paths.some((path) => existsSync(path))) await once(watcher, 'change');
  } finally {
    watcher.close();
  }
}

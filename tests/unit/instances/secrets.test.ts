import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { commonEnv, secret } from '../../../lib/config/common';
import { environmentSchemas, secretsOf } from '../../../lib/config/functions';
import { functionsOf } from '../../../resources/instances/instance';
import { readInstance } from '../../../resources/instances/read';
import { environmentOf, secretSettings } from '../../../resources/instances/variables';
import { changeInstance, instanceFolder, problemsOf } from '../../support/instances';

const REFUSED = 'must be a reference, ssm:/path or secretsmanager:name, not the secret itself';

let root: string;
let remove: () => void;
beforeEach(() => {
  ({ root, remove } = instanceFolder());
});
afterEach(() => {
  remove();
  delete environmentSchemas.push;
});

/** A fifth queue, whose worker reads a key. Its schema marks the key as a secret. */
function withPush(env: Record<string, string>): void {
  environmentSchemas.push = z.object({ ...commonEnv.shape, PUSH_ENDPOINT: z.url(), PUSH_KEY: secret });
  const row = { type: 'fifo', timeout: 30, visibility: 180, retention: 604_800, receives: 3, batch: 1 };
  const rest = { concurrency: 2, throughput: 'normal', repeatable: false };
  changeInstance(root, 'profiles/default', { 'queues.push': { ...row, ...rest } });
  changeInstance(root, 'mht-api', { 'queues.push': { env } });
  const variables = ['PUSH_ENDPOINT', 'PUSH_KEY'].map((name) => [
    name,
    `\${self:custom.queues.push.env.${name}, null}`,
  ]);
  const file = join(root, 'serverless.yml');
  const document = parseDocument(readFileSync(file, 'utf8'), { logLevel: 'silent' });
  document.setIn(['functions', 'push'], { environment: Object.fromEntries(variables) });
  writeFileSync(file, document.toString());
}

const PATHS: Record<string, string> = {
  HASH_KEY: 'hashKey',
  ZENDESK_TOKEN: 'zendesk.token',
  SUPPRESSION_KEY: 'sendgrid.suppressionKey',
  SENDGRID_API_KEY: 'sendgrid.apiKey',
  APP_STORE_CONNECT_PRIVATE_KEY: 'appStoreConnect.privateKey',
  DISCORD_WEBHOOK_URL: 'notify.discord',
};
const secrets = functionsOf(readInstance('mht-api')).flatMap((key) =>
  secretsOf(key).map((name) => [key, name] as const),
);

test.each(secrets)('the plain secret of %s in %s is refused', (_key, name) => {
  const path = PATHS[name] ?? '';
  changeInstance(root, 'mht-api', { [path]: 'planted-secret' });

  expect(problemsOf(() => readInstance('mht-api', root))).toEqual([`instances/mht-api.yml: ${path}: ${REFUSED}`]);
});

test('the hash key is in SSM, because producers read it too', () => {
  changeInstance(root, 'mht-api', { hashKey: 'secretsmanager:mht/hash-key' });

  expect(problemsOf(() => readInstance('mht-api', root))).toEqual([
    'instances/mht-api.yml: hashKey: must be ssm:/path, because producers read it too, is another text',
  ]);
});

test('the worker of a new queue gets its secret, and no other function does', () => {
  withPush({ PUSH_ENDPOINT: 'https://push.example.com', PUSH_KEY: 'ssm:/mht/push-key' });
  const instance = readInstance('mht-api', root);

  expect(environmentOf(instance, 'push', root)).toMatchObject({ PUSH_KEY: 'ssm:/mht/push-key' });
  const readers = Object.keys(environmentSchemas).filter((key) =>
    secretSettings(instance, [key], root).some(({ value }) => value === 'ssm:/mht/push-key'),
  );
  expect(readers).toEqual(['push']);
});

test.each<[string, Record<string, string>, string]>([
  ['a missing variable', { PUSH_KEY: 'ssm:/k' }, 'PUSH_ENDPOINT: is missing'],
  [
    'a misspelt variable',
    { PUSH_ENDPOINT: 'https://x.example', PUSH_KEY: 'ssm:/k', PUSH_KEYS: 'x' },
    'PUSH_KEYS: is not a variable of the function. Did you mean PUSH_KEY?',
  ],
  [
    'a variable of another setting',
    { PUSH_ENDPOINT: 'https://x.example', PUSH_KEY: 'ssm:/k', BUCKET: 'x' },
    'BUCKET: is not a variable of the function. Valid: PUSH_ENDPOINT, PUSH_KEY.',
  ],
])('%s of a new queue is refused by name', (_what, env, expected) => {
  withPush(env);

  expect(problemsOf(() => readInstance('mht-api', root))).toEqual([
    `instances/mht-api.yml: queues.push.env.${expected}`,
  ]);
});

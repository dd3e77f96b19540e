import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { LONGEST_CALL_MS } from '../../../lib/engine/worker/contract';
import { secret } from '../../../lib/platform/config/functions';
import { environmentSchemas } from '../../../lib/queues/environments';
import { PATIENCE_MS } from '../../../packages/local/lambda/runtime';
import { REGIONS } from '../../../resources/instances/file';
import { functionsOf } from '../../../resources/instances/instance';
import {
  chosenInstance,
  instanceNames,
  parseInstance,
  readDefaults,
  readInstance,
} from '../../../resources/instances/read';
import { brokenLimits, missing, secretsOf, valueAt } from '../../../resources/instances/rules';
import { withTexts } from '../../../resources/values';
import { changedFile, instanceFolder, problemsOf } from '../../support/instances';

const instance = readInstance('mht-api');
const known = Object.keys(readDefaults().queues ?? {});

/** An instance whose file has other settings. */
const changed = (changes: Record<string, unknown>, name = 'acme') => parseInstance(name, changedFile(name, changes));
const problems = (changes: Record<string, unknown>, name?: string) => problemsOf(() => changed(changes, name));

/** SendGrid takes up to 30 s for a chunk (lib/queues/emails/send.ts). */
const LONGEST_CALLS_MS: Record<string, number> = { emails: 30_000 };

const deployed = instanceNames().filter((name) => name !== 'local');
test.each(deployed)('instances/%s.yml is valid, and its workers have the time for the longest call', (name) => {
  // A worker starts nothing in the last tenth of its time-out, at most 5 s.
  for (const { name: queue, timeout } of readInstance(name).rows)
    expect(timeout * 900).toBeGreaterThan(LONGEST_CALLS_MS[queue] ?? LONGEST_CALL_MS);
});

test('on this machine, a message stays with a late worker until that has ended', () => {
  for (const { timeout, visibility } of readInstance('local').rows)
    expect(timeout * 1000 + PATIENCE_MS).toBeLessThan(visibility * 1000);
});

test('a file inherits its profile, the profile inherits the defaults, and each may override', () => {
  const [feedback, emails] = changed({ 'queues.feedback': { visibility: 400 }, 'alarms.held': 7200 }).rows;

  expect(feedback).toMatchObject({ visibility: 400, retention: 1_209_600, receives: 3, timeout: 45 });
  expect(feedback?.alarms).toMatchObject({ held: 7200, dlqDepth: 5, finish: 30 });
  expect(emails).toMatchObject({ concurrency: 4, alarms: { held: 7200, finish: 30 } });
});

test('the prefix is the name of the instance unless its file has another', () => {
  expect(readInstance('acme').prefix).toBe('acme');
  expect(readInstance('mht-api').prefix).toBe('jobs');
});

test("a name over AWS's limit is refused when the file is read, with the limit", () => {
  const of = { name: 'a'.repeat(32), region: 'ap-southeast-1' };

  expect(brokenLimits(of, [...functionsOf(instance), 'a'.repeat(16)])).toEqual([]);
  expect(brokenLimits(of, ['a'.repeat(17)])).toEqual([
    { path: 'region', rule: expect.stringMatching(/^the name of the role a+-a+-ap-southeast-1 has more than 64/) },
  ]);
});

test('an instance with mail is refused in GovCloud, which has no function URLs', () => {
  expect(problems({ region: 'us-gov-west-1', kmsKey: undefined })).toEqual([
    expect.stringContaining('region: must not be of GovCloud'),
  ]);
});

test('an instance has the functions of its queues only', () => {
  const shared = ['reconciler', 'verify', 'alarms'];
  expect(functionsOf(readInstance('acme'))).toEqual(['feedback', 'emails', 'emailEvents', ...shared]);
  expect(functionsOf(changed({ queues: { analytics: {} } }))).toEqual(['analytics', 'hours', ...shared]);
});

test('all problems of a file are reported at once, each with file, setting and rule', () => {
  expect(
    problems({
      bucket: 'Not_A_Bucket',
      acount: '123456789012',
      'sendgrid.rate': 'many',
      'sendgrid.templates': { feedback: 'd-1' },
      'zendesk.endpoint': 'zendesk',
      'zendesk.email': 'agent',
      'queues.feedback': { visibilty: 300, batch: 0 },
      'tags.Stage': 'x',
      'notify.discord': '',
    }),
  ).toEqual([
    'instances/acme.yml: bucket: must be 3 to 63 lowercase letters, digits, dots or hyphens',
    'instances/acme.yml: tags.Stage: must be 1 to 128 letters, digits, spaces or _.:/=+@-, and not instance, stage, service or aws:…',
    'instances/acme.yml: zendesk.endpoint: must be a valid url',
    'instances/acme.yml: zendesk.email: must be a valid email',
    'instances/acme.yml: sendgrid.rate: must be a number, is a string',
    'instances/acme.yml: sendgrid.templates.feedback: must be a dynamic template id (d-…)',
    'instances/acme.yml: notify.discord: must not be empty',
    'instances/acme.yml: queues.feedback.batch: must be at least 1',
    'instances/acme.yml: queues.feedback.visibilty: is not a setting. Did you mean visibility?',
    'instances/acme.yml: acount: is not a setting. Did you mean account?',
  ]);
});

test('a setting is required only by the queues in use', () => {
  expect(problems({ notify: undefined, 'sendgrid.apiKey': 'secretsmanager:acme/keys#sendgrid' })).toEqual([]);
  expect(problems({ zendesk: undefined })).toEqual([
    'instances/acme.yml: zendesk.endpoint: is missing',
    'instances/acme.yml: zendesk.email: is missing',
    'instances/acme.yml: zendesk.token: is missing',
  ]);
  expect(problems({ zendesk: undefined, queues: { emails: {} } })).toEqual([]);
});

const webhook = (changes: object = {}, bus?: string) => {
  const valid = { url: 'https://example.com/ends', key: 'secretsmanager:acme/webhook', ...changes };
  return { events: bus === undefined ? { webhook: valid } : { bus, webhook: valid } };
};
const german = { 'sendgrid.templates': { feedbackByLanguage: { german: `d-${'0'.repeat(32)}` } } };
const ofFeedback = (changes: object) => ({ 'queues.feedback': changes });
/** An alarm of the only queue. */
const age = (seconds: number) => ({ 'alarms.age': seconds, 'queues.emails': undefined });

test.each<[string, Record<string, unknown>, string]>([
  ['no queues', { queues: {} }, `queues: must name the queues in use: ${known.join(', ')}`],
  ['an unknown queue', { 'queues.feedbak': {} }, 'queues.feedbak: is not a queue. Did you mean feedback?'],
  ['no account', { account: undefined }, 'account: is missing'],
  ['a mistyped region', { region: 'eu-centrl-1' }, 'region: must be a region of AWS. Did you mean eu-central-1?'],
  ['a city as the region', { region: 'Frankfurt' }, 'region: must be a region of AWS. Valid: '],
  ['an empty window', { 'sendgrid.between': '08:00-08:00' }, 'sendgrid.between: must be two different times of day'],
  ['a language by its name', german, 'sendgrid.templates.feedbackByLanguage.german'],
  ['a tag twice', { 'tags.Owner': 'shop' }, 'tags.Owner: must differ from owner in more than case'],
  ['a tag of AWS', { 'tags.AWS:owner': 'shop' }, 'tags.AWS:owner: must be 1 to 128 letters'],
  ['no zone', { 'sendgrid.zone': 'Berlin' }, 'sendgrid.zone: must be a time zone such as Europe/Berlin'],
  ['a cap below a chunk', { 'sendgrid.dailyCap': 24 }, 'sendgrid.dailyCap: must be >= 25, one chunk at this rate'],
  ['no hash key', { hashKey: undefined, 'queues.feedback': undefined }, 'hashKey: is missing'],
  ['an account that YAML reads as a number', { account: 123456789012 }, 'account: must be 12 digits in quotes'],
  ['half of an address', { 'zendesk.endpoint': 'https://acme.zendesk.com' }, 'zendesk.endpoint: must end with /api/v2'],
  ['a sender elsewhere', { 'sender.domains': ['b.example.com'] }, 'sender.email: must be of one of sender.domains'],
  ['a key of another region', { kmsKey: 'arn:aws:kms:us-east-1:123456789012:key/x' }, 'kmsKey: must be in the region'],
  ['a customer key by its alias', { kmsKey: 'alias/x' }, 'kmsKey: must be own, or the ARN of a KMS key'],
  ['a webhook without a bus of its own', webhook(), 'events.bus: must be own, because the webhook belongs to that bus'],
  ['a webhook without TLS', webhook({ url: 'http://example.com/ends' }, 'own'), 'events.webhook.url: must be an https'],
  ['the key of a webhook in SSM', webhook({ key: 'ssm:/acme/webhook' }, 'own'), 'events.webhook.key: must be secretsm'],
  ['a webhook without its key', webhook({ key: undefined }, 'own'), 'events.webhook.key: is missing'],
  ['a short retention', ofFeedback({ retention: 3_600 }), 'queues.feedback.retention: must be at least 86400'],
  ['a long prefix', { prefix: 'p'.repeat(49) }, 'prefix: must be at most 48 characters'],
  ['a wildcard in the prefix', { prefix: 'acme/*' }, 'prefix: must be parts separated by /'],
  ['a secret by a relative path', { 'sendgrid.apiKey': 'ssm:relative' }, 'sendgrid.apiKey: must be a reference'],
  ['a batch of jobs that must not run twice', ofFeedback({ batch: 2 }), 'queues.feedback.batch: must be 1, because'],
  ['a visibility below six time-outs', ofFeedback({ visibility: 269 }), 'queues.feedback.visibility: must be >= 6 x'],
  ['a DLQ that forgets first', ofFeedback({ dlq: { retention: 1_209_599 } }), 'queues.feedback.dlq.retention: must be'],
  ['an alarm that comes too late', age(1_209_600), "queues.feedback.alarms.age: must be < the queue's retention"],
  ['an alarm that retries set off', age(900), 'queues.feedback.alarms.age: must be > the waits between attempts (1056'],
])('%s is refused', (_what, changes, expected) => {
  expect(problems(changes)).toEqual([expect.stringContaining(`instances/acme.yml: ${expected}`)]);
});

test.each(secretsOf(instance, functionsOf(instance)))('the plain secret $path is refused', ({ path }) => {
  expect(problems({ [path]: 'planted-secret' }, 'mht-api')).toEqual([
    `instances/mht-api.yml: ${path}: must be a reference, ssm:/path or secretsmanager:name, not the secret itself`,
  ]);
});

test.each([
  ['stage: prod\nstage: staging\n', 'is not valid YAML: Map keys must be unique at line 2, column 1'],
  ['acme', 'must be a table of settings'],
  ['- stage: prod', 'must be a table of settings'],
])('a file that holds %j is refused with its rule', (text, rule) => {
  expect(problemsOf(() => parseInstance('acme', text))).toEqual([`instances/acme.yml: ${rule}`]);
});

test('no message contains a value that may be personal or secret', () => {
  const planted = 'planted';
  const all = problems({ 'zendesk.email': planted, 'zendesk.token': planted, brand: [planted], bucket: 'Planted' });

  expect(all.length).toBeGreaterThan(2);
  expect(all.join('\n')).not.toMatch(/planted/i);
});

test.each([
  [{}, 'local'],
  [{ stage: 'prod' }, 'mht-api'],
  [{ stage: 'staging', param: [] }, 'mht-api-staging'],
  [{ param: ['instance=acme'] }, 'acme'],
  [{ param: 'instance=acme', stage: 'prod', region: 'eu-west-1' }, 'acme'],
])('the options %j mean the instance %s', (options, name) => {
  expect(chosenInstance(options).name).toBe(name);
});

test('a file whose name has capitals is refused by the rule for names', () => {
  const { root, remove } = instanceFolder();
  renameSync(join(root, 'instances', 'acme.yml'), join(root, 'instances', 'Globex_2.yml'));

  expect(problemsOf(() => chosenInstance({ param: 'instance=Globex_2' }, root))).toEqual([
    'instances/Globex_2.yml: the name of an instance must be 2 to 32 lowercase letters, digits or hyphens, and begin with a letter',
  ]);
  remove();
});

test.each([
  [{ stage: 'dev' }, 'stage dev has no instance: use --stage staging or prod'],
  [{ stage: 'constructor' }, 'stage constructor has no instance'],
  [{ param: ['instance=acmee'] }, 'There is no instance acmee: instances/acmee.yml does not exist. Did you mean acme?'],
  [{ param: ['instance=../acme'] }, 'There is no instance ../acme'],
  [{ param: ['instance=acme', 'instance=local'] }, '--param must be given once, as instance=NAME.'],
  [{ param: ['feedbackConcurrency=20'], stage: 'prod' }, '--param must be given once, as instance=NAME.'],
  [{ param: ['instance=acme'], stage: 'staging' }, '--stage is staging, but instances/acme.yml says stage: prod.'],
  [{ stage: 'prod', region: 'eu-west-1' }, '--region is eu-west-1, but instances/mht-api.yml says region: us-east-1.'],
])('the options %j are refused', (options, expected) => {
  const [first = '', ...more] = problemsOf(() => chosenInstance(options));

  expect(more).toEqual([]);
  expect(first.slice(0, expected.length)).toBe(expected);
});

interface ServiceFile {
  provider: { environment: Record<string, string> };
  functions: Record<string, { environment?: string }>;
}

const yaml = (file: string) => parse(readFileSync(file, 'utf8'), { logLevel: 'silent' });
const { provider, functions } = yaml('serverless.yml') as ServiceFile;

/** The own variables of a function, each with the path of its setting. */
function ownOf(key: string): Record<string, string> {
  const [, file] = /file\((.+)\)/.exec(functions[key]?.environment ?? '') ?? [];
  const texts = Object.entries((file ? yaml(file).environment : {}) as Record<string, string>);
  return Object.fromEntries(texts.map(([name, text]) => [name, /instance\.([\w.]+)/.exec(text)?.[1] ?? '']));
}

/** npm start sets the first, and the AWS library for logs reads the second. */
const OTHERS = ['RECONCILE_EVERY', 'POWERTOOLS_SERVICE_NAME'];

const pathsOf = (settings: [name: string, path: string][]) => settings.map(([, path]) => path).sort();

describe.each(Object.entries(environmentSchemas))('the function %s', (key, { shape }) => {
  const own = ownOf(key);

  test('gets each variable that it reads, and no other one', () => {
    const given = [...Object.keys(provider.environment), ...Object.keys(own)];

    expect(new Set([...given, ...OTHERS])).toEqual(new Set([...Object.keys(shape), ...OTHERS]));
  });

  test('needs the settings of its required variables, and may read those of its secrets', () => {
    const settings = Object.entries(own).filter(([, path]) => /\.|hashKey/.test(path));
    const isRequired = ([name, path]: [string, string]) =>
      !valueAt(readDefaults(), path) && !shape[name]?.safeParse(undefined).success;
    const needed = missing({ stage: 'local' }, [key]).map(({ path }) => path);
    const schemaOf = (name: string) => (shape[name] instanceof z.ZodOptional ? shape[name].unwrap() : shape[name]);
    const secrets = settings.filter(([name]) => schemaOf(name) === secret);
    const found = secretsOf(instance, [key]).map(({ path }) => path);

    expect(needed.sort()).toEqual(pathsOf(settings.filter(isRequired)));
    expect(found.sort()).toEqual(pathsOf(secrets));
  });
});

test('lists and tables of names are text in a variable', () => {
  const templates = { feedbackByLanguage: { de: 'd-2', 'pt-BR': 'd-3' } };

  const texts = { tags: 'a,b', templates: { feedbackByLanguage: 'de=d-2,pt-BR=d-3' } };
  expect(withTexts({ tags: ['a', 'b'], templates })).toEqual(texts);
});

test('a region of an instance is one that Serverless knows, because it refuses others without naming the file', () => {
  const source = readFileSync(require.resolve('serverless/lib/plugins/aws/provider.js'), 'utf8');
  const [, list = ''] = /region: \{\s+enum: \[([^\]]+)\]/.exec(source) ?? [];

  expect([...list.matchAll(/'([^']+)'/g)].map(([, region]) => region).sort()).toEqual(REGIONS);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { functionsOf } from '../../../resources/instances/instance';
import { instanceNames, parseInstance, readDefaults, readInstance } from '../../../resources/instances/read';
import { changeInstance, instanceFolder, problemsOf } from '../../support/instances';

const known = Object.keys(readDefaults().queues ?? {});

let root: string;
let remove: () => void;
beforeEach(() => {
  ({ root, remove } = instanceFolder());
});
afterEach(() => remove());

/** The problems of acme's file after changes. */
const problems = (changes: Record<string, unknown>) => {
  changeInstance(root, 'acme', changes);
  return problemsOf(() => readInstance('acme', root));
};

test.each(instanceNames())('instances/%s.yml is valid', (name) => {
  expect(readInstance(name).name).toBe(name);
});

test('a file inherits its profile, the profile inherits the defaults, and each may override', () => {
  changeInstance(root, 'acme', { 'queues.feedback': { visibility: 400 }, 'alarms.held': 7200 });
  const [feedback, emails] = readInstance('acme', root).rows;

  expect(feedback).toMatchObject({ visibility: 400, retention: 1_209_600, receives: 3, timeout: 45 });
  expect(feedback?.alarms).toMatchObject({ held: 7200, dlqDepth: 5, finish: 30 });
  expect(emails).toMatchObject({ concurrency: 4, alarms: { held: 7200, finish: 30 } });
});

test('the prefix is the name of the instance unless its file has another', () => {
  expect(readInstance('acme', root).prefix).toBe('acme');
  expect(readInstance('mht-api', root).prefix).toBe('jobs');
});

test('an instance has the functions of its queues only', () => {
  const shared = ['reconciler', 'verify', 'alarms'];
  expect(functionsOf(readInstance('acme', root))).toEqual(['feedback', 'emails', 'emailEvents', ...shared]);
  changeInstance(root, 'acme', { queues: { analytics: {} } });
  expect(functionsOf(readInstance('acme', root))).toEqual(['analytics', 'hours', ...shared]);
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
      'tags.stage': 'x',
      'notify.discord': '',
    }),
  ).toEqual([
    'instances/acme.yml: bucket: must be 3 to 63 lowercase letters, digits, dots or hyphens',
    'instances/acme.yml: tags.stage: is a name that is not allowed here',
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
  expect(problems({ zendesk: undefined })).toEqual([
    'instances/acme.yml: zendesk.endpoint: is missing',
    'instances/acme.yml: zendesk.email: is missing',
    'instances/acme.yml: zendesk.token: is missing',
  ]);
  changeInstance(root, 'acme', { queues: { emails: {} } });
  expect(problems({})).toEqual([]);
});

test.each<[string, Record<string, unknown>, string]>([
  ['no queues', { queues: {} }, `queues: must name the queues in use: ${known.join(', ')}`],
  ['an unknown queue', { 'queues.feedbak': {} }, 'queues.feedbak: is not a queue. Did you mean feedback?'],
  ['no account', { account: undefined }, 'account: is missing'],
  ['an empty window', { 'sendgrid.between': '08:00-08:00' }, 'sendgrid.between: must be two different times of day'],
  [
    'a language of a template by its name',
    { 'sendgrid.templates': { feedbackByLanguage: { german: `d-${'0'.repeat(32)}` } } },
    'sendgrid.templates.feedbackByLanguage.german: must be a language tag such as de or pt-BR',
  ],
  [
    'a template in another language that is no dynamic one',
    { 'sendgrid.templates': { feedbackByLanguage: { de: 'confirmation' } } },
    'sendgrid.templates.feedbackByLanguage.de: must be a dynamic template id (d-…)',
  ],
  ['no zone', { 'sendgrid.zone': 'Berlin' }, 'sendgrid.zone: must be a time zone such as Europe/Berlin'],
  ['a cap below a chunk', { 'sendgrid.dailyCap': 24 }, 'sendgrid.dailyCap: must be >= 25, one chunk at this rate'],
  ['no hash key', { hashKey: undefined, 'queues.feedback': undefined }, 'hashKey: is missing'],
  ['an account that YAML reads as a number', { account: 123456789012 }, 'account: must be 12 digits in quotes'],
  [
    'an address of Zendesk without its path',
    { 'zendesk.endpoint': 'https://acme.zendesk.com' },
    'zendesk.endpoint: must end with /api/v2',
  ],
  [
    'a sender outside its domains',
    { 'sender.domains': ['other.example.com'] },
    'sender.email: must be of one of sender.domains (other.example.com)',
  ],
  [
    'a customer key of another region',
    { kmsKey: 'arn:aws:kms:us-east-1:123456789012:key/example' },
    'kmsKey: must be in the region of the instance (eu-west-1)',
  ],
  ['a customer key by its alias', { kmsKey: 'alias/x' }, 'kmsKey: must be own, or the ARN of a KMS key'],
  [
    'a webhook without a bus of its own',
    { 'events.webhook': { url: 'https://example.com/ends', key: 'secretsmanager:acme/webhook' } },
    'events.bus: must be own, because the webhook belongs to that bus',
  ],
  [
    'a webhook without TLS',
    { events: { bus: 'own', webhook: { url: 'http://example.com/ends', key: 'secretsmanager:acme/webhook' } } },
    'events.webhook.url: must be an https address',
  ],
  [
    'the key of a webhook that CloudFormation cannot read',
    { events: { bus: 'own', webhook: { url: 'https://example.com/ends', key: 'ssm:/acme/webhook' } } },
    'events.webhook.key: must be secretsmanager:name, because CloudFormation reads it',
  ],
  [
    'a webhook without its key',
    { events: { bus: 'own', webhook: { url: 'https://example.com/ends' } } },
    'events.webhook.key: is missing',
  ],
  [
    'a retention that is shorter than an outage',
    { 'queues.feedback': { retention: 3_600 } },
    'queues.feedback.retention: must be at least 86400',
  ],
  [
    'a wildcard in the prefix',
    { prefix: 'acme/*' },
    "prefix: must be parts separated by /, each of letters, digits or !_.'()-, without wildcards",
  ],
  [
    'a secret by a relative path',
    { 'sendgrid.apiKey': 'ssm:relative' },
    'sendgrid.apiKey: must be a reference, ssm:/path or secretsmanager:name, not the secret itself',
  ],
  [
    'a FIFO batch over ten',
    { 'queues.analytics': { batch: 11 } },
    'queues.analytics.batch: must be <= 10 on a FIFO queue',
  ],
  [
    'a batch of jobs that must not run twice',
    { 'queues.feedback': { batch: 2 } },
    'queues.feedback.batch: must be 1, because its jobs must not run twice',
  ],
  [
    'a visibility below six time-outs',
    { 'queues.feedback': { visibility: 269 } },
    'queues.feedback.visibility: must be >= 6 x timeout (270)',
  ],
  [
    'a DLQ that forgets before its queue',
    { 'queues.feedback': { dlq: { retention: 1_209_599 } } },
    "queues.feedback.dlq.retention: must be >= the queue's (1209600)",
  ],
  [
    'an alarm that comes too late',
    { 'alarms.age': 1_209_600, 'queues.emails': undefined },
    "queues.feedback.alarms.age: must be < the queue's retention (1209600)",
  ],
  [
    'an alarm that normal retries set off',
    { 'alarms.age': 900, 'queues.emails': undefined },
    'queues.feedback.alarms.age: must be > the waits between attempts (1056)',
  ],
])('%s is refused', (_what, changes, expected) => {
  expect(problems(changes)).toEqual([`instances/acme.yml: ${expected}`]);
});

test('a file that is not YAML is refused with its line', () => {
  writeFileSync(join(root, 'instances/acme.yml'), 'stage: prod\nstage: staging\n');

  expect(problemsOf(() => readInstance('acme', root))).toEqual([
    'instances/acme.yml: is not valid YAML: Map keys must be unique at line 2, column 1',
  ]);
});

test('no message contains a value that may be personal or secret', () => {
  const all = problems({
    'zendesk.email': 'planted',
    'zendesk.token': 'planted',
    brand: ['planted'],
    bucket: 'Planted',
  });

  expect(all.length).toBeGreaterThan(2);
  expect(all.join('\n')).not.toMatch(/planted/i);
});

test.each([
  ['only a word', 'acme', ['instances/acme.yml: must be a table of settings']],
  ['a list', '- stage: prod', ['instances/acme.yml: must be a table of settings']],
])('a file that holds %s is refused with its rule', (_, text, lines) => {
  expect(problemsOf(() => parseInstance('acme', text))).toEqual(lines);
});

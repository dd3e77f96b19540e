import { deploymentProblems, plainSecrets } from '../../../lib/cli/configuration';

const common = { INSTANCE: 'acme', BUCKET: 'team-bucket', PREFIX: 'jobs', TABLE: 'acme-jobs', QUEUES: '{}' };
const feedback = {
  ZENDESK_ENDPOINT: 'https://example.zendesk.com/api/v2',
  ZENDESK_EMAIL: 'agent@example.com',
  ZENDESK_TOKEN: 'ssm:/example/zendesk-token',
  SENDGRID_API_KEY: 'secretsmanager:example/sendgrid',
  SENDGRID_FROM_EMAIL: 'support@example.com',
};
const service = (changes: Record<string, string> = {}, changed: Record<string, string> = {}) => ({
  provider: { environment: { ...common, ...changed } },
  functions: { feedback: { environment: { ...feedback, ...changes } }, reconciler: {} },
});

test('a configured stage can be deployed', () => {
  expect(deploymentProblems('prod', service())).toEqual([]);
});

test('a missing variable is named once, even if several functions need it', () => {
  const problems = deploymentProblems('prod', service({ SENDGRID_API_KEY: '', ZENDESK_EMAIL: '' }, { BUCKET: '' }));

  expect(problems.toSorted()).toEqual([
    'BUCKET: is missing',
    'SENDGRID_API_KEY: is missing',
    'ZENDESK_EMAIL: is missing',
  ]);
});

test('the local stage cannot be deployed', () => {
  expect(deploymentProblems('local', service())).toEqual([
    'stage local is the service on this machine (npm start): deploy with --stage staging or prod',
  ]);
});

test('a function without a schema for its environment cannot be deployed', () => {
  const { provider, functions } = service();

  expect(deploymentProblems('prod', { provider, functions: { ...functions, other: {} } })).toEqual([
    'functions.other: its environment has no schema (lib/cli/configuration.ts)',
  ]);
});

test.each(['planted-secret', 'SG.planted', 'ssm:relative/path', 'ssm:/a*', 'secretsmanager:', 'secretsmanager:a b'])(
  'the secret %p is refused by name, except in the local stage',
  (secret) => {
    expect(plainSecrets('staging', service({ ZENDESK_TOKEN: secret }))).toEqual([
      'ZENDESK_TOKEN: must be a reference in stage staging, ssm:/path or secretsmanager:name, not the secret itself',
    ]);
    expect(plainSecrets('local', service({ ZENDESK_TOKEN: secret }))).toEqual([]);
  },
);

test('every secret is checked, including the private key of App Store Connect', () => {
  const named = ['ZENDESK_TOKEN', 'SENDGRID_API_KEY', 'APP_STORE_CONNECT_PRIVATE_KEY', 'DISCORD_WEBHOOK_URL'];
  const planted = Object.fromEntries(named.map((name) => [name, '-----BEGIN PRIVATE KEY-----\nplanted']));

  const problems = plainSecrets('prod', service(planted));

  expect(problems.map((problem) => problem.split(':')[0])).toEqual(named);
  expect(problems.join()).not.toContain('planted');
});

test('a missing secret does not stop sls package', () => {
  expect(plainSecrets('prod', service({ ZENDESK_TOKEN: '' }))).toEqual([]);
});

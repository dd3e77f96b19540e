import { deploymentProblems } from '../../../lib/cli/check';
import { functionsOf } from '../../../lib/instances/instance';
import { readInstance } from '../../../lib/instances/read';
import { changeInstance, FILLED_IN, instanceFolder, WITH_APPLE } from '../../support/instances';

let root: string;
let remove: () => void;
beforeEach(() => {
  ({ root, remove } = instanceFolder());
});
afterEach(() => remove());

const problems = (name: string, functions = functionsOf(readInstance(name, root))) =>
  deploymentProblems(readInstance(name, root), functions);

test('an instance whose file is filled in can be deployed', () => {
  changeInstance(root, 'mht-api', { ...WITH_APPLE, bucket: 'mht-bucket' });
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket' });

  expect([problems('mht-api'), problems('acme')]).toEqual([[], []]);
});

test('a file that still holds values of the examples cannot be deployed, and each setting is named', () => {
  expect(problems('acme').sort()).toEqual(
    [
      'account',
      'bucket',
      'hashKey',
      'notify.discord',
      'sender.domains.0',
      'sender.email',
      'sendgrid.apiKey',
      'sendgrid.eventsKey',
    ]
      .concat(['zendesk.email', 'zendesk.endpoint', 'zendesk.token'])
      .map((path) => `instances/acme.yml: ${path}: still holds the value of the example`),
  );
});

test('the local stage cannot be deployed', () => {
  expect(problems('local')).toEqual([
    'stage local is the service on this machine (npm start): deploy with --stage staging or prod',
  ]);
});

test('a function without a schema for its environment cannot be deployed', () => {
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket' });

  expect(problems('acme', ['feedback', 'other'])).toEqual([
    'functions.other: its environment has no schema (lib/config/functions.ts)',
  ]);
});

test('an endpoint without TLS cannot be deployed, because a key would travel in the clear', () => {
  const endpoint = 'HTTP://mail.acme.test';
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket', 'sendgrid.endpoint': endpoint });

  expect(problems('acme')).toEqual(['instances/acme.yml: sendgrid.endpoint: must begin with https://']);
});

import { deploymentProblems } from '../../../packages/cli/check';
import { functionsOf } from '../../../resources/instances/instance';
import { readInstance } from '../../../resources/instances/read';
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
  const paths = [
    ...['account', 'bucket', 'hashKey', 'notify.discord', 'sender.domains.0', 'sender.email'],
    ...[
      'sendgrid.apiKey',
      'sendgrid.eventsKey',
      'sendgrid.suppressionKey',
      'zendesk.email',
      'zendesk.endpoint',
      'zendesk.token',
    ],
  ];
  expect(problems('acme').sort()).toEqual(
    paths.map((path) => `instances/acme.yml: ${path}: still holds the value of the example`),
  );
});

test('an endpoint without TLS, a function without a schema and the local stage cannot be deployed', () => {
  const endpoint = 'HTTP://mail.acme.test';
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket', 'sendgrid.endpoint': endpoint });

  expect(problems('acme', ['feedback', 'other'])).toEqual([
    'instances/acme.yml: sendgrid.endpoint: must begin with https://',
    'functions.other: its environment has no schema (lib/config/functions.ts)',
  ]);
  expect(problems('local')).toEqual([expect.stringContaining('stage local is the service on this machine')]);
});

import { deploymentProblems } from '../../../packages/cli/check';
import { readInstance } from '../../../resources/instances/read';
import { changeInstance, FILLED_IN, instanceFolder, WITH_APPLE } from '../../support/instances';

let root: string;
let remove: () => void;
beforeEach(() => {
  ({ root, remove } = instanceFolder());
});
afterEach(() => remove());

const problems = (name: string) => deploymentProblems(readInstance(name, root));

test('an instance whose file is filled in can be deployed', () => {
  changeInstance(root, 'mht-api', { ...WITH_APPLE, bucket: 'mht-bucket' });
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket' });

  expect([problems('mht-api'), problems('acme')]).toEqual([[], []]);
});

test('a file that still holds values of the examples cannot be deployed, and each setting is named', () => {
  const paths = ['account', 'bucket', 'hashKey', 'notify.discord', 'sender.domains.0', 'sender.email']
    .concat(['sendgrid.apiKey', 'sendgrid.eventsKey', 'sendgrid.suppressionKey'])
    .concat(['zendesk.email', 'zendesk.endpoint', 'zendesk.token']);
  expect(problems('acme').sort()).toEqual(
    paths.map((path) => `instances/acme.yml: ${path}: still holds the value of the example`),
  );
});

test('an endpoint without TLS and the local stage cannot be deployed', () => {
  const endpoint = 'HTTP://mail.acme.test';
  changeInstance(root, 'acme', { ...FILLED_IN, bucket: 'acme-bucket', 'sendgrid.endpoint': endpoint });

  expect(problems('acme')).toEqual(['instances/acme.yml: sendgrid.endpoint: must begin with https://']);
  expect(problems('local')).toEqual([expect.stringContaining('stage local is the service on this machine')]);
});

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { overlaps } from '../../../lib/instances/overlaps';
import { readInstance } from '../../../lib/instances/read';
import { changeInstance, instanceFolder } from '../../support/instances';

let root: string;
let remove: () => void;
beforeEach(() => {
  ({ root, remove } = instanceFolder());
});
afterEach(() => remove());

const problems = (name: string) => overlaps(readInstance(name, root), root);

test.each(['jobs', 'jobs/acme'])('two instances in one folder are refused: prefix %s in the same bucket', (prefix) => {
  changeInstance(root, 'acme', { bucket: 'team-bucket', prefix });

  for (const name of ['acme', 'mht-api'])
    expect(problems(name)).toEqual([
      expect.stringMatching(/both use the folder .* Give one another prefix.* shared\.with/),
    ]);
  expect(problems('mht-api-staging')).toEqual([]);
});

test('the same prefix in another bucket is another folder', () => {
  changeInstance(root, 'acme', { prefix: 'jobs' });

  expect(problems('acme')).toEqual([]);
});

test('two instances may share a folder if both files say so and exactly one compacts', () => {
  const share = (compacts: [boolean, boolean]) => {
    changeInstance(root, 'mht-api', { shared: { with: ['mht-api-staging'], compacts: compacts[0] } });
    changeInstance(root, 'mht-api-staging', {
      bucket: 'team-bucket',
      shared: { with: ['mht-api'], compacts: compacts[1] },
    });
    return [problems('mht-api'), problems('mht-api-staging')].flat();
  };

  expect(share([true, false])).toEqual([]);
  expect(share([true, true])).toEqual(Array(2).fill(expect.stringContaining('exactly one')));
  expect(share([false, false])).toEqual(Array(2).fill(expect.stringContaining('exactly one')));
  changeInstance(root, 'mht-api-staging', { shared: undefined });
  expect(problems('mht-api')).toHaveLength(1);
});

test('two instances may not give two resources the same name', () => {
  // acme's event webhook is `acme-email-events`, and so would be the queue `events` of an instance `acme-email`.
  const events = { ...readInstance('acme', root).known.emails, name: undefined };
  changeInstance(root, 'profiles/default', { 'queues.events': events });
  cpSync(join(root, 'instances/acme.yml'), join(root, 'instances/acme-email.yml'));
  changeInstance(root, 'acme-email', { queues: { events: {} } });

  expect(problems('acme')).toEqual([
    'instances/acme.yml and instances/acme-email.yml: both would name a resource acme-email-events. Rename one instance',
  ]);
});

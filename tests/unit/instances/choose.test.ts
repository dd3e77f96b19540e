import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { chosenInstance } from '../../../resources/instances/read';
import { instanceFolder, problemsOf } from '../../support/instances';

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

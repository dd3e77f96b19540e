import { ownerKey } from '../../../lib/jobs/keys';
import { claimFolder, folderOwner } from '../../../packages/cli/preflight';
import { memoryObjects } from '../../support/memory-objects';

const folder = (instance: string, prefix = 'jobs') => ({ instance, prefix });

test('of two instances that claim one folder at the same time, one succeeds', async () => {
  const objects = memoryObjects();

  const claims = await Promise.all(['acme', 'globex'].map((name) => claimFolder(objects, folder(name))));

  expect(claims.filter(Boolean)).toHaveLength(1);
  expect(await folderOwner(objects, 'jobs')).toBe(claims[0] ? 'acme' : 'globex');
});

test('an instance may claim its own folder again', async () => {
  const objects = memoryObjects();
  await claimFolder(objects, folder('acme'));

  expect(await claimFolder(objects, folder('acme'))).toBe(true);
  expect(await claimFolder(objects, folder('acme', 'other'))).toBe(true);
});

test('a marker that is not ours belongs to no instance', async () => {
  const objects = memoryObjects();
  await objects.put(ownerKey('jobs'), 'hello', 'text/plain');

  expect(await claimFolder(objects, folder('acme'))).toBe(false);
});

import { claimFolder, folderOwner, requireOwnFolder } from '../../../lib/jobs/folder-owner';
import { ownerKey } from '../../../lib/jobs/keys';
import { memoryObjects } from '../../support/memory-objects';

const folder = (instance: string, changes: object = {}) => ({
  ...{ instance, prefix: 'jobs', sharedWith: [], compacts: true },
  ...changes,
});

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
  expect(await claimFolder(objects, folder('acme', { prefix: 'other' }))).toBe(true);
});

test('of instances that share a folder, the one that compacts owns it, whichever was deployed first', async () => {
  const objects = memoryObjects();
  const [one, two] = [
    folder('acme', { sharedWith: ['globex'] }),
    folder('globex', { sharedWith: ['acme'], compacts: false }),
  ];

  expect(await claimFolder(objects, two)).toBe(true);
  expect(await folderOwner(objects, 'jobs')).toBeUndefined();
  expect(await claimFolder(objects, one)).toBe(true);
  expect(await claimFolder(objects, two)).toBe(true);
  expect(await folderOwner(objects, 'jobs')).toBe('acme');
  // Now globex compacts.
  expect(await claimFolder(objects, { ...two, compacts: true })).toBe(true);
  expect(await folderOwner(objects, 'jobs')).toBe('globex');
});

test('compaction refuses a folder of another instance, and accepts its own and one without a marker', async () => {
  const objects = memoryObjects();

  await requireOwnFolder(objects, { prefix: 'jobs', instance: 'acme' });
  await claimFolder(objects, folder('acme'));
  await requireOwnFolder(objects, { prefix: 'jobs', instance: 'acme' });
  await expect(requireOwnFolder(objects, { prefix: 'jobs', instance: 'globex' })).rejects.toThrow(
    'the folder jobs belongs to acme, not to globex',
  );
});

test('a marker that is not ours belongs to no instance', async () => {
  const objects = memoryObjects();
  await objects.put(ownerKey('jobs'), 'hello', 'text/plain');

  expect(await claimFolder(objects, folder('acme'))).toBe(false);
});

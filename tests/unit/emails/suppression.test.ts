import { suppressionList } from '../../../lib/emails/suppression';
import { suppressedKey } from '../../../lib/jobs/keys';
import { hashesWith } from '../../../lib/jobs/person-hash';
import type { Objects } from '../../../lib/ports';
import { PREFIX } from '../../support/engine';
import { memoryObjects } from '../../support/memory-objects';

const KEY = suppressedKey(PREFIX);

function open(objects: Objects, secret = 'k'.repeat(32)) {
  return suppressionList({ objects, prefix: PREFIX, hashPeople: async () => hashesWith([secret]) });
}

const address = (n: number) => `user-${n}@example.com`;
const person = (n: number) => ({ email: address(n), reason: 'unsubscribed' as const });

test('an address is found in any case, with the weightiest reason it was added for, until it is removed', async () => {
  const list = open(memoryObjects());

  expect(await list.add([person(1), { email: 'Eva@Example.com ', reason: 'erased' }])).toBe(2);
  expect(await list.add([{ email: 'eva@example.com', reason: 'bounced' }])).toBe(0);

  const reasonOf = await list.check();
  expect(['EVA@example.COM', address(1), address(2)].map(reasonOf)).toEqual(['erased', 'unsubscribed', undefined]);
  expect(await list.size()).toBe(2);
  expect([await list.remove('eva@example.com'), await list.remove('eva@example.com')]).toEqual([-1, 0]);
  expect((await list.check())('eva@example.com')).toBeUndefined();
});

test('who is erased gets no mail at any address of the mailbox', async () => {
  const list = open(memoryObjects());
  await list.add([{ email: 'ann@example.com', reason: 'erased' }, person(1)]);

  const reasonOf = await list.check();

  expect(['Ann+news@example.com', 'ann+@EXAMPLE.com', 'joann@example.com'].map(reasonOf)).toEqual([
    ...['erased', 'erased', undefined],
  ]);
  expect(reasonOf('user-1+news@example.com')).toBeUndefined();
});

test('each of 5,000 addresses is found in 8 bytes, and no other one', async () => {
  const objects = memoryObjects();
  await open(objects).add(Array.from({ length: 5_000 }, (_, n) => person(n)));

  const reasonOf = await open(objects).check();
  const found = Array.from({ length: 10_000 }, (_, n) => reasonOf(address(n)));

  expect(found.indexOf(undefined)).toBe(5_000);
  expect(found.filter((reason) => reason !== undefined)).toHaveLength(5_000);
  expect(objects.bytes(KEY)).toHaveLength(8 * 5_001);
});

test('a check reads an unchanged list once, and sees each change', async () => {
  const objects = memoryObjects();
  await open(objects).add([person(1)]);
  const readChanged = jest.fn(objects.readChanged);
  const list = open({ ...objects, readChanged });

  for (let n = 2; n < 4; n++) {
    expect([(await list.check())(address(1)), (await list.check())(address(n))]).toEqual(['unsubscribed', undefined]);
    await open(objects).add([person(n)]);
    expect((await list.check())(address(n))).toBe('unsubscribed');
  }

  const answers = await Promise.all(readChanged.mock.results.map(({ value }) => value));
  const changed = { etag: expect.any(String) };
  expect(answers).toMatchObject([changed, 'unchanged', changed, 'unchanged', 'unchanged', changed]);
});

test.each<[string, (objects: Objects) => Promise<unknown>]>([
  ['another key', (objects) => open(objects, 'x'.repeat(32)).check()],
  ['another key, to add to it', (objects) => open(objects, 'x'.repeat(32)).add([person(2)])],
  ['bytes cut off', async (objects) => [await objects.put(KEY, 'cut', 'text/plain'), await open(objects).check()]],
  ['no bytes', async (objects) => [await objects.put(KEY, '', 'text/plain'), await open(objects).check()]],
])('a list with %s suppresses nothing silently', async (_, act) => {
  const objects = memoryObjects();
  await open(objects).add([person(1)]);

  await expect(act(objects)).rejects.toMatchObject({ class: 'store', code: 'SuppressionListUnreadable' });
});

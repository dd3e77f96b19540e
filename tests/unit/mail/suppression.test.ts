import { hashesWith } from '../../../lib/engine/jobs/person-hash';
import { foldSuppressed, type Noted, suppressedKey, suppressionList } from '../../../lib/mail/suppression';
import type { Objects } from '../../../lib/platform/ports';
import { PREFIX } from '../../support/engine';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryObjects } from '../../support/memory-objects';
import { memoryTable } from '../../support/memory-table';

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

/** The list, and what folds notes into it in a process without the key. */
function noting() {
  const objects = memoryObjects();
  const table = memoryTable();
  const items = { table, clock: memoryClock(), random: memoryRandom() };
  const suppression = suppressionList({ objects, prefix: PREFIX });
  return {
    ...{ objects, table, items, list: open(objects) },
    fold: () => foldSuppressed(items, suppression, () => true),
  };
}

const EVA = 'eva@example.com';
const said = (text: string): Noted => {
  const [reason = '', at] = text.split(' ');
  return { email: EVA, reason: reason as Noted['reason'], at: Number(at) };
};

test.each<[string[], string | undefined]>([
  [['unsubscribed 1', 'resubscribed 2'], undefined],
  [['resubscribed 1', 'unsubscribed 2'], 'unsubscribed'],
  [['unsubscribed 1', 'resubscribed 1'], 'unsubscribed'],
  [['unsubscribed 1', 'resubscribed 2', 'unsubscribed 3'], 'unsubscribed'],
  [['bounced 1', 'unsubscribed 2', 'resubscribed 3'], 'bounced'],
  [['reported 1', 'bounced 2', 'resubscribed 3'], 'reported'],
  [['erased 1', 'resubscribed 2'], 'erased'],
])('notes in any order, some twice, folded in at any time: %j leave %s', async (texts, expected) => {
  const orders = [texts, [...texts].reverse(), [...texts.slice(1), ...texts.slice(0, 1)]];
  for (const order of orders)
    for (const folds of [false, true]) {
      const { list, items, fold } = noting();
      for (const text of [...order, ...order]) {
        await list.note(items, said(text));
        if (folds) await fold();
      }
      expect(await list.because(items, EVA)).toBe(expected);
      await fold();
      expect((await list.check())(EVA)).toBe(expected);
    }
});

test('a group that someone left ends mails of that group only', async () => {
  const { list, items, fold } = noting();
  await list.note(items, { ...said('unsubscribed 1'), group: 7 });
  await fold();

  const reasons = [await list.check(7), await list.check(8), await list.check()].map((of) => of('EVA@example.com'));
  expect(reasons).toEqual(['unsubscribed', undefined, undefined]);
});

test('all notes that wait come into the list in one write, and a second fold writes nothing', async () => {
  const { list, items, objects, fold } = noting();
  await list.add([person(0)]);
  const replace = jest.spyOn(objects, 'replace');
  for (let n = 1; n <= 300; n++) await list.note(items, { ...person(n), at: n });

  await fold();
  await fold();

  expect([replace.mock.calls.length, await list.size()]).toEqual([1, 301]);
});

test('a list of a million has 8 bytes an entry, and a check reads it once', async () => {
  const { list, items, objects, fold } = noting();
  await list.add([person(0)]);
  const few = new BigUint64Array(objects.bytes(KEY).slice().buffer);
  const many = BigUint64Array.from({ length: 1_000_002 }, (_, n) => (n < 2 ? (few[n] ?? 0n) : (BigInt(n) << 43n) | 1n));
  many.subarray(1).sort();
  await objects.put(KEY, new Uint8Array(many.buffer), 'application/octet-stream');
  await list.note(items, { ...person(1), at: 1 });
  await fold();
  const readChanged = jest.spyOn(objects, 'readChanged');

  const reasonOf = await list.check();

  expect([0, 1, 2].map((n) => reasonOf(address(n)))).toEqual(['unsubscribed', 'unsubscribed', undefined]);
  expect([objects.bytes(KEY).length, readChanged.mock.calls.length]).toEqual([8 * 1_000_003, 1]);
});

test('a note that was made with another key stays, and the list stays as it is', async () => {
  const { list, objects, items, fold } = noting();
  await list.add([person(1)]);
  await open(objects, 'x'.repeat(32)).note(items, said('bounced 1'));

  await expect(fold()).rejects.toMatchObject({ code: 'SuppressionListUnreadable' });
  expect(items.table.items()).toMatchObject([{ todo: 'mail#suppress' }]);
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

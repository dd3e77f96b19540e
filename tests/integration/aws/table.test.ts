import { randomUUID } from 'node:crypto';
import type { Item, Table } from '../../../lib/platform/ports';
import { startAws } from '../../support/emulators';
import { memoryTable } from '../../support/memory-table';

const aws = startAws({});
afterAll(async () => (await aws).close());

const item = (key: string, more: Partial<Item> = {}): Item => ({ key, version: 1, writer: randomUUID(), ...more });

describe.each<[string, () => Promise<Table>]>([
  ['the model in memory', async () => memoryTable()],
  ['DynamoDB', async () => (await aws).table],
])('the jobs table: %s', (_name, start) => {
  let table: Table;
  beforeAll(async () => {
    table = await start();
  });

  it('returns what was written, with nested values and without undefined ones', async () => {
    const key = `nested#${randomUUID()}`;
    const written = {
      ...item(key),
      steps: { ticket: { status: 'done', startedAt: 1.5, result: { id: '7' }, endedAt: undefined } },
      left: ['a', 'b'],
      empty: '',
      none: null,
      gone: undefined,
    };

    expect(await table.put(written, 0)).toBe('written');

    const stored = await table.get(key);
    expect(stored).toStrictEqual({
      key,
      version: 1,
      writer: written.writer,
      steps: { ticket: { status: 'done', startedAt: 1.5, result: { id: '7' } } },
      left: ['a', 'b'],
      empty: '',
      none: null,
    });
  });

  it('accepts one first write, and a later one only if it expects the stored version', async () => {
    const key = `written#${randomUUID()}`;
    const answers = await Promise.all([1, 2, 3].map(() => table.put(item(key), 0)));

    expect(answers.toSorted()).toEqual(['conflict', 'conflict', 'written']);
    expect(await table.put(item(key, { version: 2, writer: 'winner' }), 1)).toBe('written');
    expect(await table.put(item(key, { version: 2, writer: 'loser' }), 1)).toBe('conflict');
    expect(await table.put(item(`absent#${randomUUID()}`, { version: 2 }), 1)).toBe('conflict');

    expect(await table.get(key)).toMatchObject({ version: 2, writer: 'winner' });
  });

  it('changes some attributes of an item and returns it', async () => {
    const key = `change#${randomUUID()}`;
    const stored = { count: 1, steps: {}, left: [], history: [{ at: 1 }], kept: 'kept', todo: `q#${key}`, todoAt: 1 };
    await table.put(item(key, { ...stored, writer: 'first' }), 0);

    const changed = await table.update(key, {
      expected: { count: 1, steps: {}, left: [], lease: undefined },
      set: { count: 2, steps: { effect: { status: 'started' } }, todoAt: 5, writer: 'second' },
      append: { history: [{ at: 2 }] },
    });

    const whole = {
      ...{ key, version: 2, writer: 'second', count: 2, steps: { effect: { status: 'started' } }, left: [] },
      ...{ history: [{ at: 1 }, { at: 2 }], kept: 'kept', todo: `q#${key}`, todoAt: 5 },
    };
    expect(changed).toStrictEqual(whole);
    expect(await table.get(key)).toStrictEqual(whole);
    expect(await table.due(`q#${key}`, { until: 4, limit: 9 })).toEqual([]);
    expect(await table.due(`q#${key}`, { until: 5, limit: 9 })).toEqual([{ key, todoAt: 5 }]);
  });

  it.each<[string, Record<string, unknown> | undefined]>([
    ['is missing', undefined],
    ['has another value', { state: 'held' }],
    ['has a value of another type', { state: 1 }],
    ['lacks an attribute', { state: undefined }],
    ['has an attribute that must be absent', { lease: null }],
    ['has a map that must be empty', { steps: { effect: 1 } }],
    ['lacks a map that must be empty', { steps: undefined }],
    ['has a list that must be empty', { left: ['m'] }],
    ['has an empty list in place of an empty map', { steps: [] }],
    ['has an empty map in place of an empty list', { left: {} }],
    ['lacks the list to append to', { history: undefined }],
    ['has another value than the list to append to', { history: 'odd' }],
    ['has version 0', { version: 0 }],
    ['has a version that is not a number', { version: '1' }],
  ])('changes nothing if the item %s', async (_, differs) => {
    const key = `unchanged#${randomUUID()}`;
    const before = differs && { ...item(key, { state: 'queued', steps: {}, left: [], history: [] }), ...differs };
    if (before) await table.put(before as Item, 0);

    const changed = await table.update(key, {
      expected: { state: 'queued', steps: {}, left: [], lease: undefined },
      set: { state: 'processing' },
      append: { history: [{ at: 2 }] },
    });

    expect(changed).toBeUndefined();
    expect(await table.get(key)).toEqual(before && JSON.parse(JSON.stringify(before)));
  });

  it('deletes an item only if it has the expected version', async () => {
    const key = `delete#${randomUUID()}`;
    await table.put(item(key), 0);

    expect(await table.delete(key, 2)).toBe('conflict');
    expect(await table.delete(key, 1)).toBe('deleted');
    expect(await table.delete(key, 1)).toBe('conflict');

    expect(await table.get(key)).toBeUndefined();
  });

  it('lists due items up to a time and a limit, the oldest or the newest first, and counts those from a time', async () => {
    const todo = `due#${randomUUID()}`;
    for (const at of [30, 10, 40, 20]) await table.put(item(`${todo}#${at}`, { todo, todoAt: at }), 0);
    await table.put(item(`${todo}#other`, { todo: `${todo}-other`, todoAt: 1 }), 0);

    const times = (options: Partial<Parameters<typeof table.due>[1]>) =>
      table.due(todo, { until: 100, limit: 9, ...options }).then((due) => due.map(({ todoAt }) => todoAt));
    const newest = { until: 30, limit: 2, newestFirst: true };

    expect(await table.due(todo, { until: 10, limit: 9 })).toEqual([{ key: `${todo}#10`, todoAt: 10 }]);
    expect(await times({ until: 30 })).toEqual([10, 20, 30]);
    expect(await times({ limit: 2 })).toEqual([10, 20]);
    expect(await times({ until: 9 })).toEqual([]);
    expect(await times({ limit: 0 })).toEqual([]);
    expect(await times(newest)).toEqual([30, 20]);
    expect(await times({ ...newest, after: { key: `${todo}#20`, todoAt: 20 } })).toEqual([10]);
    expect(await Promise.all([0, 20, 41].map((since) => table.count(todo, { since })))).toEqual([4, 3, 0]);
  });

  it('names each todo that has items, if there are not too many items', async () => {
    const todo = `named#${randomUUID()}`;
    for (const n of [1, 2]) await table.put({ key: `${todo}#${n}`, version: 1, writer: '', todo, todoAt: n }, 0);

    expect((await table.todos(1_000))?.filter((name) => name === todo)).toEqual([todo]);
    expect(await table.todos(1)).toBeUndefined();
  });

  it('lists due items page by page, even if several have the same time', async () => {
    const todo = `due#${randomUUID()}`;
    for (const [key, at] of [...'abcdef'].map((key, n) => [key, 10 * Math.floor(n / 3)] as const))
      await table.put(item(`${todo}#${key}`, { todo, todoAt: at }), 0);

    const whole = await table.due(todo, { until: 100, limit: 9 });
    const pages: (typeof whole)[] = [];
    for (let after = whole[0]; after; after = pages.at(-1)?.at(-1))
      pages.push(await table.due(todo, { until: 100, after, limit: 2 }));

    expect(pages.flat()).toEqual(whole.slice(1));
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1, 0]);
  });

  it.each([
    ['a message group', 'inGroup', 'group'],
    ['a person', 'person', 'person'],
  ] as const)('lists the keys of %s in order, starting after a given key', async (_what, attribute, method) => {
    const group = `group#${randomUUID()}`;
    for (const key of ['c', 'a', 'd', 'b']) await table.put(item(`${group}#${key}`, { [attribute]: group }), 0);
    await table.put(item(`${group}#e`), 0);

    const letters = (options: { after?: string; limit: number }) =>
      table[method](group, options).then((keys) => keys.map((key) => key.at(-1)).join(''));

    expect(await letters({ limit: 9 })).toBe('abcd');
    expect(await letters({ limit: 2 })).toBe('ab');
    expect(await letters({ after: `${group}#b`, limit: 9 })).toBe('cd');
  });

  it('lists what a queue accepted between two times, the newest first, starting after a given item', async () => {
    const accepted = `queue#${randomUUID()}`;
    for (const time of [10, 30, 40, 20]) await table.put(item(`${accepted}#${time}`, { accepted, time }), 0);

    const times = (options: Parameters<typeof table.accepted>[1]) =>
      table.accepted(accepted, options).then((found) => found.map(({ time }) => time));

    expect(await times({ limit: 9 })).toEqual([40, 30, 20, 10]);
    expect(await times({ limit: 9, from: 20, until: 30 })).toEqual([30, 20]);
    expect(await times({ limit: 1, after: { key: `${accepted}#30`, time: 30 } })).toEqual([20]);
  });

  it('follows an index over many pages', async () => {
    // The keys alone make the index larger than 1 MB, where DynamoDB ends an answer.
    const todo = `pages#${randomUUID()}${'x'.repeat(1_900)}`;
    const padding = 'x'.repeat(900);
    const many = Array.from({ length: 400 }, (_, n) => n);
    for (const n of many) await table.put(item(`${n}#${padding}`, { todo, todoAt: n, accepted: todo, time: n }), 0);

    expect(await table.count(todo, { since: 0 })).toBe(many.length);
    expect(await table.count(todo, { since: 0, most: 7 })).toBe(7);
    expect(await table.due(todo, { until: 9_999, limit: 9_999 })).toHaveLength(many.length);
    expect(await table.due(todo, { until: 9_999, limit: 390 })).toHaveLength(390);
    expect(await table.accepted(todo, { limit: 9_999 })).toHaveLength(many.length);
  });
});

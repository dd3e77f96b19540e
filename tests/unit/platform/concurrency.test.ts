import { mapEach, throughAll } from '../../../lib/platform/concurrency';

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Items that take some turns each. Those of `bad` fail. */
function work(bad: readonly number[]) {
  const begun: number[] = [];
  const ended: number[] = [];
  const act = async (item: number) => {
    begun.push(item);
    for (let turn = 0; turn < item; turn++) await tick();
    if (bad.includes(item)) throw new Error(`${item}`);
    ended.push(item);
    return item * 2;
  };
  return { begun, ended, act };
}

test('the answers stand in the order of the items', async () => {
  expect(await mapEach([3, 1, 2], 2, work([]).act)).toEqual([6, 2, 4]);
});

test('after a failure nothing more begins, and what has begun ends before the first failure is thrown', async () => {
  const { begun, ended, act } = work([1, 5]);

  await expect(mapEach([1, 5, 3, 4], 3, act)).rejects.toThrow('1');

  expect(begun).toEqual([1, 5, 3]);
  expect(ended).toEqual([3]);
});

test('a walk through all goes on after a failure', async () => {
  const { ended, act } = work([1, 2]);

  await expect(throughAll([1, 2, 3, 4], act, 2)).rejects.toThrow('1');

  expect(ended).toEqual([3, 4]);
});

test('a list that breaks off hides no earlier failure, and what has begun ends first', async () => {
  const { ended, act } = work([1]);
  async function* broken() {
    yield* [1, 3];
    throw new Error('broken');
  }

  await expect(throughAll(broken(), act, 2)).rejects.toThrow('1');

  expect(ended).toEqual([3]);
});

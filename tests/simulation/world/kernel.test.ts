import { createKernel } from './kernel';

test('events run in order of time, and of their scheduling where it is the same, each with all that awaits it', async () => {
  const kernel = createKernel(1_000);
  const seen: string[] = [];
  const note = (name: string) => async () => {
    seen.push(`${name} at ${kernel.now()}`);
    for (let turn = 0; turn < 5; turn++) await undefined;
    seen.push(`${name} done`);
  };
  kernel.setTimeout(() => void note('late')(), 50);
  kernel.setTimeout(() => void note('first')(), 10);
  kernel.setTimeout(() => void note('second')(), 10);

  await kernel.run(() => false);

  expect(seen).toEqual(['first at 1010', 'first done', 'second at 1010', 'second done', 'late at 1050', 'late done']);
});

test('a cancelled event does not run, and a timer is never early', async () => {
  const kernel = createKernel(0);
  const seen: number[] = [];
  const cancelled = kernel.setTimeout(() => seen.push(-1), 5);
  kernel.setTimeout(() => kernel.cancel(cancelled), 1);
  kernel.setTimeout(() => seen.push(kernel.now()), 7.2);

  await kernel.run(() => false);

  expect(seen).toEqual([8]);
});

test('a thousand events come out sorted, whatever order they went in', async () => {
  const kernel = createKernel(0);
  const times: number[] = [];
  for (let index = 0; index < 1_000; index++)
    kernel.setTimeout(() => times.push(kernel.now()), (index * 7_919) % 1_009);

  await kernel.run(() => false);

  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times).toHaveLength(1_000);
});

test('it stops when it is told to, with the rest undone', async () => {
  const kernel = createKernel(0);
  let ran = 0;
  for (let index = 0; index < 10; index++) kernel.setTimeout(() => ran++, index);

  await kernel.run(() => ran === 3);

  expect(ran).toBe(3);
});

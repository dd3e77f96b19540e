import { createKernel } from './kernel';

test('events run by time, then in scheduling order, and each finishes its microtasks before the next one', async () => {
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

test('a cancelled event does not run, and a timer never fires early', async () => {
  const kernel = createKernel(0);
  const seen: number[] = [];
  const cancelled = kernel.setTimeout(() => seen.push(-1), 5);
  kernel.setTimeout(() => kernel.cancel(cancelled), 1);
  kernel.setTimeout(() => seen.push(kernel.now()), 7.2);

  await kernel.run(() => false);

  expect(seen).toEqual([8]);
});

test('a thousand events run in order of time, in whatever order they were added', async () => {
  const kernel = createKernel(0);
  const times: number[] = [];
  for (let index = 0; index < 1_000; index++)
    kernel.setTimeout(() => times.push(kernel.now()), (index * 7_919) % 1_009);

  await kernel.run(() => false);

  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times).toHaveLength(1_000);
});

test('the kernel stops when `done` answers true, and the remaining events do not run', async () => {
  const kernel = createKernel(0);
  let ran = 0;
  for (let index = 0; index < 10; index++) kernel.setTimeout(() => ran++, index);

  await kernel.run(() => ran === 3);

  expect(ran).toBe(3);
});

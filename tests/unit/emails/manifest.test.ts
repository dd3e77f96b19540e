import { partWriter } from '../../../lib/emails/manifest';

const idle = () => new Promise((resolve) => setImmediate(resolve));

/** A bucket whose writes end when the test decides. */
function start(size: number) {
  const open: { key: string; end: (error?: Error) => void }[] = [];
  const put = (key: string) =>
    new Promise<void>((resolve, reject) => open.push({ key, end: (error) => (error ? reject(error) : resolve()) }));
  const parts = partWriter({ put }, { size, key: (number) => String(number) });
  /** Adds entries and returns how many parts it has begun to write. It stops when it has to wait. */
  let entries = 0;
  const fill = async (count: number): Promise<void> => {
    while (entries < count) {
      parts.add({ n: ++entries });
      if (parts.full()) await parts.write();
    }
  };
  return { parts, open, fill };
}

test('small parts are written at the same time, with at most a thousand entries together', async () => {
  const { open, fill, parts } = start(100);

  const filled = fill(2_000);
  await idle();
  expect(open.map(({ key }) => key)).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
  open[3]?.end();
  await idle();
  expect(open).toHaveLength(11);

  while (parts.hashes.length < 20) {
    for (const { end } of open) end();
    await idle();
  }
  await filled;
});

test('a part of a thousand entries is written before the next one begins', async () => {
  const { open, fill } = start(1_000);

  void fill(3_000);
  await idle();

  expect(open).toHaveLength(1);
});

test('the end waits for every part, and reports a part that cannot be written', async () => {
  const { parts, open, fill } = start(10);
  await fill(25);
  let ended = false;

  const end = parts.end().finally(() => {
    ended = true;
  });
  open[0]?.end();
  open[1]?.end(new Error('the bucket is gone'));
  await idle();
  expect(ended).toBe(false);
  open[2]?.end();

  await expect(end).rejects.toThrow('the bucket is gone');
});

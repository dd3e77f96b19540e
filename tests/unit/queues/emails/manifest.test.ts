import { firstTimes, writeManifest } from '../../../../lib/queues/emails/manifest';
import { fromIterable } from '../../../../lib/queues/emails/recipients';
import { aContent, CAMPAIGN } from '../../../support/emails';

const idle = () => new Promise((resolve) => setImmediate(resolve));

/** Writes a campaign of so many recipients to a bucket whose writes end when the test decides. */
function start(count: number, chunkSize: number) {
  const open: { key: string; end: () => void }[] = [];
  const put = (key: string) => new Promise<void>((end) => open.push({ key, end }));
  const people = Array.from({ length: count }, (_, n) => ({ email: `user-${n}@example.com` }));
  const given = { campaign: CAMPAIGN, content: aContent(), recipients: fromIterable(people), chunkSize };
  return { open, written: writeManifest({ objects: { put }, prefix: 'jobs' }, given) };
}

test.each([
  [100, 10],
  [1_000, 1],
  [10, 16],
])('chunks of %i are written %i at a time, and the manifest after them', async (chunkSize, atOnce) => {
  const { open, written } = start(2_000, chunkSize);

  await idle();
  expect(open).toHaveLength(atOnce);
  for (let ended = 0; ended < open.length; ended++) {
    open[ended]?.end();
    await idle();
  }

  expect((await written).chunks).toBe(2_000 / chunkSize);
  expect(open.at(-1)?.key).toMatch(/manifest-/);
});

test('every text is new exactly once, however many there are', () => {
  const isNew = firstTimes();
  const texts = Array.from({ length: 20_000 }, (_, n) => `user-${n}@example.com`);

  expect(texts.every(isNew)).toBe(true);
  expect(texts.some(isNew)).toBe(false);
  expect(isNew('another@example.com')).toBe(true);
});

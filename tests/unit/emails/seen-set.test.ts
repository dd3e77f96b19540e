import { seenSet } from '../../../lib/emails/seen-set';

test('every text is new exactly once, however large the set is', () => {
  const seen = seenSet();
  const texts = Array.from({ length: 20_000 }, (_, n) => `user-${n}@example.com`);

  expect(texts.every((text) => seen.add(text))).toBe(true);
  expect(texts.some((text) => seen.add(text))).toBe(false);
  expect(seen.add('another@example.com')).toBe(true);
});

import { hideUntil } from '../../../lib/reconcile/pass';

const MINUTE = 60_000;
/** A pass through 100,000 entries, with its usual time. */
const pass = { since: 0, until: 10_000_000, entries: 100_000, parked: 100_000, seen: 0, left: 0 };

test('a run hides the entries it keeps for twice the time that the pass takes at its pace', () => {
  expect(hideUntil(pass, { kept: 5_000, now: MINUTE })).toBe(40 * MINUTE);
  expect(hideUntil(pass, { kept: 10_000, now: MINUTE })).toBe(20 * MINUTE);
});

test('a run hides entries for at least five minutes, and not longer than the pass may take', () => {
  expect(hideUntil(pass, { kept: 100_000, now: 10 * MINUTE })).toBe(15 * MINUTE);
  expect(hideUntil(pass, { kept: 1, now: MINUTE })).toBe(pass.until);
  expect(hideUntil(pass, { kept: 0, now: MINUTE })).toBe(pass.until);
});

test('a pass after one that ran out of time hides its entries until its own end', () => {
  const longer = { ...pass, until: 2 * pass.until };

  expect(hideUntil(longer, { kept: 5_000, now: MINUTE })).toBe(longer.until);
});

import { createChance } from './chance';
import { courseOf } from './course';
import { CALL_FAULTS, type Fault, faultsOf, fitted } from './faults';

/** What the caller of a read notices of a fault, up to a few seconds. */
function seen(fault: Fault): string {
  const { effects, answer, error, death } = courseOf({ target: 'table', fault, secret: '' }, createChance(1));
  if (death !== undefined) return 'it dies';
  if (answer === undefined) return 'it hangs';
  const isLong = answer > 1_000;
  if (error) return isLong ? 'a time-out' : 'an error';
  return isLong && effects.length > 0 ? 'a late answer' : 'an answer';
}

test('the faults that reads leave out look to their caller like one that they have', () => {
  const kept = faultsOf('table.get', 'table');
  const possible = CALL_FAULTS.filter((fault) => fitted(fault, 'table') === fault);

  expect(kept.map(seen).toSorted()).toEqual(['a late answer', 'a time-out', 'an error', 'it dies', 'it hangs']);
  expect(new Set(possible.map(seen))).toEqual(new Set(kept.map(seen)));
});

test('a write has every fault that AWS can have', () => {
  expect(faultsOf('table.put', 'table')).toEqual(CALL_FAULTS.filter((fault) => fitted(fault, 'table') === fault));
});

import { duration } from '../../../lib/platform/duration';

test('an age by a clock that is ahead of ours is no negative one', () => {
  expect([duration(-0.48), duration(0.48), duration(61)]).toEqual(['0 s', '0.48 s', '1 min 1 s']);
});

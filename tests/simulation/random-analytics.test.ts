import { expectNoViolation } from './parts';

test('2,000 random runs of analytics keep every promise', () => expectNoViolation('analytics', 2_000));

import { expectNoViolation } from './parts';

test('2,000 random runs of testflight keep every promise', () => expectNoViolation('testflight', 2_000));

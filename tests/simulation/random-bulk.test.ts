import { expectNoViolation } from './parts';

test('2,000 random runs of bulk keep every promise', () => expectNoViolation('bulk', 2_000));

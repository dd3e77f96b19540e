import { expectNoViolation } from './parts';

test('2,000 random runs of bulk-standard keep every promise', () => expectNoViolation('bulk-standard', 2_000));

import { expectNoViolation } from './parts';

test('2,000 random runs of feedback keep every promise', () => expectNoViolation('feedback', 2_000));

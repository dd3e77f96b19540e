import { expectNoViolation } from './parts';

test('2,000 random runs of emails keep every promise', () => expectNoViolation('emails', 2_000));

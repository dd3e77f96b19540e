import { expectNoViolation } from './parts';

test('2,000 random runs of campaigns keep every promise', () => expectNoViolation('campaigns', 2_000));

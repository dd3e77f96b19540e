import { expectNoViolation } from './parts';

test('1,000 random runs of queues side by side keep every promise', () => expectNoViolation('together', 1_000));

import { expectNoViolation } from './property';
import { analytics } from './queues/analytics';

test('2,000 random runs of analytics keep every promise', () => expectNoViolation(analytics, 2_000));

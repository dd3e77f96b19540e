import { expectNoViolation } from './property';
import { feedback } from './queues/feedback';

test('2,000 random runs of feedback keep every promise', () => expectNoViolation(feedback, 2_000));

import { expectNoViolation } from './property';
import { bulkFifo } from './queues/bulk';

test('2,000 random runs of bulk keep every promise', () => expectNoViolation(bulkFifo, 2_000));

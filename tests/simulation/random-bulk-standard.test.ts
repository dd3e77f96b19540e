import { expectNoViolation } from './property';
import { bulkStandard } from './queues/bulk';

test('2,000 random runs of bulk-standard keep every promise', () => expectNoViolation(bulkStandard, 2_000));

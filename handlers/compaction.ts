import { compactionHandler } from '../lib/analytics/compaction-handler';

export const handler = compactionHandler();

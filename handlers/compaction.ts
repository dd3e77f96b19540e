import { compactionHandler } from '../lib/startup/compaction';

export const handler = compactionHandler();

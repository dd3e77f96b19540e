import type { SourceMutant } from '../source-mutant';

const KEYS = 'lib/jobs/keys.ts';

/** Every job writes these index entries. They are spread over eight partition keys. */
export const INDEX_KEY_MUTANTS: Record<string, SourceMutant> = {
  onePartitionForAll: {
    changes: [{ file: KEYS, find: 'const SHARDS = 8;', replace: 'const SHARDS = 1;' }],
    breaks: /^scale: todo sample#\w+#0 takes more than 1000 writes in a second/,
    by: { scale: 'starts' },
  },
  shardOfVersion: {
    changes: [
      {
        file: 'lib/jobs/ledger.ts',
        find: 'todoKeyOf(row, kind)',
        replace: 'todoKeyOf({ ...row, id: String(row.version) }, kind)',
      },
    ],
    breaks: /^scale: todo sample#\w+#\d takes more than 1000 writes in a second/,
    by: { scale: 'starts' },
  },
};

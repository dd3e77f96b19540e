import type { SourceMutant } from '../source-mutant';

const COMPACT = 'lib/analytics/compact.ts';
const INSPECT = 'lib/analytics/inspect.ts';
const MANIFEST = 'lib/analytics/manifest.ts';

const by = { scale: 'compactions', size: 20 };

/** Faults by which two compactions of one folder lose events or show them twice. */
export const COMPACTION_MUTANTS: Record<string, SourceMutant> = {
  // As revision 28eb1b2: it deletes what was unnamed when it began, and originals without a look at the merged object.
  unnamedObjectsAreDeletedAtOnce: {
    changes: [
      { file: COMPACT, find: 'UNNAMED_MS = 24 * 60 * 60_000', replace: 'UNNAMED_MS = 0' },
      { file: COMPACT, find: '!intact.has(entry.object) || ', replace: '' },
      { file: COMPACT, find: 'again.has(jobOf(key)))', replace: 'again.size < 0)' },
    ],
    breaks: /^nothing lost/,
    by,
  },
  overtakenRunNamesItsObjectToo: {
    changes: [
      {
        file: MANIFEST,
        find: '    if ([...jobs].some((job) => moved.get(job)?.object !== replaced.get(job)?.object)) return false;\n',
        replace: '    void replaced;\n',
      },
    ],
    breaks: /^(once|nothing lost: CompactedDamaged)/,
    by,
  },
  originalsAreDeletedUnread: {
    changes: [{ file: COMPACT, find: '!intact.has(entry.object) || ', replace: '' }],
    breaks: /^nothing lost/,
    by,
  },
  lostObjectIsNotMergedAgain: {
    changes: [{ file: INSPECT, find: 'again.set(entry.job, entry)', replace: 'continue' }],
    breaks: /^(nothing lost|garbage)/,
    by,
  },
  originalsAreDeletedBeforeReadersLeave: {
    changes: [{ file: COMPACT, find: 'Date.parse(entry.from) + graceMs >', replace: 'Date.parse(entry.from) >' }],
    breaks: /^nothing lost/,
    by,
  },
  hourIsLeftBeforeItsUnnamedObjects: {
    changes: [{ file: COMPACT, find: 'keys: unnamed ? keys.slice(1) : keys', replace: 'keys: unnamed ? keys : keys' }],
    breaks: /^garbage/,
    by,
  },
  objectsOfOthersAreDeleted: {
    changes: [
      {
        file: COMPACT,
        find: 'if (name === undefined || names.has(name)) continue;',
        replace: "if (names.has(name ?? '')) continue;",
      },
    ],
    breaks: /^foreign/,
    by,
  },
};

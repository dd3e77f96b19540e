import type { Change, Item } from '../ports';
import { type JobRow, without } from './row';
import { itemOf } from './stored-row';
import { OF_LAST } from './transitions';

/** What a claim changes in the item of a row that has never been claimed. `todo` and `todoAt` follow from the rest. */
const CHANGED = ['state', 'lease', 'steps', 'deliveries', 'sentAt', 'firstStartedAt', 'updatedAt', 'todo', 'todoAt'];
/** What has another value if the job was accepted, planned or released. A claim reads none of these. */
const DIFFERENT = [
  ...(['version', 'writer', 'history', 'holds', 'createdAt', 'updatedAt'] as const),
  ...(['hour', 'inGroup', 'todo', 'todoAt'] as const),
];
/** What a claim reads or removes, so the stored row must not have it unless the blank row does. */
const ABSENT = [
  ...['token', 'group', 'sequence', 'correlationId', 'campaign', 'traceparent', 'canary', 'failures'],
  ...['expiresAt', 'firstStartedAt', ...OF_LAST],
];

/**
 * The claim of a queued job that no run has had, as a change that needs no read. `blank`: the row as the message
 * describes it. `claimed`: the claim of that. Nothing changes if a run has had the job, if it waits or has ended, or if
 * the row describes another job.
 */
export function firstClaim(blank: JobRow, claimed: JobRow): Change {
  const before = itemOf(without(blank, DIFFERENT));
  const after = itemOf(claimed);
  return {
    expected: {
      ...Object.fromEntries(ABSENT.map((name) => [name, undefined])),
      ...(before as Change['expected']),
      schema: after.schema as number,
    },
    set: { ...only(after, CHANGED), writer: claimed.writer },
    append: { history: claimed.history },
  };
}

const only = (item: Item, names: readonly string[]) =>
  Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));

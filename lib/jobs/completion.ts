import type { Completion } from '../ports';
import { type JobRow, traceOf } from './row';

const iso = (time: number): string => new Date(time).toISOString();

/**
 * An end that nothing can change: a success, a superseded job, or a job that was never sent, whose message can no
 * longer come and whose body is not kept. An operator can retry any other.
 */
const isFinal = ({ state, reason, bodyKept }: JobRow): boolean =>
  state === 'succeeded' || reason === 'superseded' || (reason === 'never-sent' && bodyKept !== true);

/** The event about the end of a job. It follows from the row alone, so a repeat is the same. Nothing is personal. */
export function completionOf(row: JobRow): Completion {
  const { id, queue, type, generation, state, reason, result, error, firstStartedAt, endedAt = row.updatedAt } = row;
  return {
    id: `${id}:${generation}:${state}`,
    job: id,
    queue,
    ...(type === undefined ? {} : { type }),
    generation,
    state,
    ...(reason === undefined ? {} : { reason }),
    final: isFinal(row),
    ...(state !== 'succeeded' || result === undefined ? {} : { result }),
    ...(state === 'dead' && error
      ? { error: { code: error.code, ...(error.field === undefined ? {} : { field: error.field }) } }
      : {}),
    ...traceOf(row),
    acceptedAt: iso(row.time),
    ...(firstStartedAt === undefined ? {} : { startedAt: iso(firstStartedAt) }),
    endedAt: iso(endedAt),
  };
}

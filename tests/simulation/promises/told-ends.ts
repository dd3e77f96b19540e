import type { JobRow } from '../../../lib/engine/jobs/row';
import type { Completion } from '../../../lib/platform/ports';

const timeOf = (at: number): string => new Date(at).toISOString();

/** What docs/events.md says that the event of this end has. Nothing here comes from the code that makes events. */
export function toldEnd(row: JobRow): Completion {
  const { id, queue, generation, state, reason, firstStartedAt, error } = row;
  const told = {
    ...{ id: `${id}:${generation}:${state}`, job: id, queue, type: row.type, generation, state, reason },
    final: state === 'succeeded' || (state === 'cancelled' && reason === 'superseded'),
    ...(state === 'succeeded' && { result: row.result }),
    ...(state === 'dead' && error && { error: { code: error.code, field: error.field } }),
    ...{ without: row.without, correlationId: row.correlationId, traceparent: row.traceparent },
    acceptedAt: timeOf(row.time),
    ...(firstStartedAt !== undefined && { startedAt: timeOf(firstStartedAt) }),
    endedAt: timeOf(row.endedAt ?? row.updatedAt),
  };
  return JSON.parse(JSON.stringify(told)) as Completion;
}

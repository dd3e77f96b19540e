import { InvalidJobError, type Problem } from '../producer/errors';
import type { Tracker } from '../producer/tracker';

/** What became of the events of one request. */
export interface Tracked {
  accepted: number;
  /** By place in the request; the others were accepted. */
  problems: Problem[];
}

/** Tracks the events of a body, `{ events: […] }`. Throws an InvalidJobError where it holds none. */
export async function trackEvents({ track }: Pick<Tracker, 'track'>, body: unknown): Promise<Tracked> {
  const events = (body as { events?: unknown } | null)?.events;
  if (!Array.isArray(events) || events.length === 0)
    throw new InvalidJobError([{ field: 'events', message: 'events: must be a list of at least one event' }]);
  const problems: Problem[] = [];
  for (const [index, event] of events.entries())
    try {
      await track(event);
    } catch (error) {
      if (!(error instanceof InvalidJobError)) throw error;
      for (const { field, message } of error.problems)
        problems.push({ field: ['events', index, field].filter((part) => part !== '').join('.'), message });
    }
  if (problems.length === events.length) throw new InvalidJobError(problems);
  return { accepted: events.length - problems.length, problems };
}

import { InvalidJobError, type Problem, type Producer } from 'background-jobs-producer';

/** The result for the events of one request. */
export interface Tracked {
  accepted: number;
  /** Names each invalid event by its index. All others were accepted. */
  errors: { field: string; detail: string }[];
}

/** As in openapi.json. Each event is validated before the next request gets its turn. */
const MOST_EVENTS = 10_000;

/**
 * Tracks a list of events. The producer keeps them in memory for up to two seconds and sends them together. So a killed
 * process loses these, and a stopped process does not. Throws an InvalidJobError if no event is valid.
 */
export async function trackAll({ track }: Pick<Producer, 'track'>, events: unknown): Promise<Tracked> {
  if (!Array.isArray(events) || events.length === 0)
    throw new InvalidJobError([{ field: 'events', message: 'events: must be a list of at least one event' }]);
  if (events.length > MOST_EVENTS)
    throw new InvalidJobError([{ field: 'events', message: `events: must be at most ${MOST_EVENTS} entries` }]);
  const problems: Problem[] = [];
  for (const [index, event] of events.entries())
    try {
      await track(event);
    } catch (error) {
      if (!(error instanceof InvalidJobError)) throw error;
      for (const { field, message } of error.problems)
        problems.push({
          field: ['events', index, field].filter((part) => part !== '').join('.'),
          message: message.slice(message.indexOf(': ') + 2),
        });
    }
  const invalid = new Set(problems.map(({ field }) => field.split('.')[1])).size;
  if (invalid === events.length)
    throw new InvalidJobError(problems.map(({ field, message }) => ({ field, message: `${field}: ${message}` })));
  const errors = problems.map(({ field, message: detail }) => ({ field, detail }));
  return { accepted: events.length - invalid, errors };
}

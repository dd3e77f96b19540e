import type { Step } from '../jobs/row';

/** Name of the step that keeps whom SendGrid refused, where it refused a request because of single recipients. */
export const EXCLUDED = 'excluded';

/** Who is left out of a job's request: SendGrid has named their addresses and taken nothing of the request. */
export interface Excluded {
  /** Numbers of the recipients in their chunk, in order. */
  recipients: number[];
  /** Of the refusals. */
  code: string;
  /** Requests that were refused like this since the job was opened … */
  requests: number;
  /** … for the time that this counts. */
  opened: number;
}

/** A chunk costs no more refused requests than this before a person is asked: then it is not about single addresses. */
export const MOST_REFUSED_REQUESTS = 10;

/**
 * What is excluded after one more request was refused because of recipients at these places. `undefined`: it can not go
 * on without them, because nobody would be left, because a place is none, or because it was refused often enough.
 */
export function excludedWith(
  before: Excluded | undefined,
  { places, sent, code, opened }: { places: readonly number[]; sent: readonly number[]; code: string; opened: number },
): Excluded | undefined {
  const requests = (before?.opened === opened ? before.requests : 0) + 1;
  const named = places.map((place) => sent[place]);
  if (requests > MOST_REFUSED_REQUESTS || named.length >= sent.length) return undefined;
  if (!named.every((number) => number !== undefined)) return undefined;
  const recipients = [...(before?.recipients ?? []), ...named].sort((a, b) => a - b);
  return { recipients, code, requests, opened };
}

/** What its step says; `undefined`: nobody is excluded. */
export const excludedOf = (step: Step | undefined): Excluded | undefined =>
  step?.status === 'done' ? (step.result as Excluded) : undefined;

import type { IncomingHttpHeaders } from 'node:http';

const HOUR_MS = 3_600_000;
/** With less than this share of the hour's calls left, jobs begin with pauses between them. */
const SCARCE = 0.1;
/** The most calls that a job needs. With fewer left no job begins. */
const CALLS_OF_A_JOB = 10;
/** Apple does not say when calls of its rolling hour come back, so the next job waits this long. */
const EXHAUSTED_MS = 10 * 60_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * The hourly budget of one key, from the header of the last answer (`user-hour-lim:3500;user-hour-rem:500;`). Fewer
 * calls left mean longer pauses between jobs. No job begins without enough calls for it. All processes share the key,
 * and each one sees what is left for all.
 */
export function createBudget(now: () => number) {
  let known: { limit: number; left: number; at: number } | undefined;
  let begunAt = Number.NEGATIVE_INFINITY;

  return {
    learn: (headers: IncomingHttpHeaders): void => {
      const calls = callsLeft(headers);
      if (calls) known = { ...calls, at: now() };
    },
    /** Milliseconds until another job may begin. 0 means that it begins now, which counts as a start. */
    waitMs: (): number => {
      const time = now();
      const pause = known ? pauseMs(known, time) : 0;
      const wait = pause === EXHAUSTED_MS ? pause : begunAt + pause - time;
      if (wait > 0) return wait;
      begunAt = time;
      return 0;
    },
  };
}

function pauseMs({ limit, left, at }: { limit: number; left: number; at: number }, time: number): number {
  // An hour's calls come back within an hour. We assume that they come back evenly.
  const now = left + (limit * (time - at)) / HOUR_MS;
  if (now < CALLS_OF_A_JOB) return EXHAUSTED_MS;
  const scarce = limit * SCARCE;
  if (now >= scarce) return 0;
  return Math.min(LONGEST_PAUSE_MS, (CALLS_OF_A_JOB * HOUR_MS * scarce) / (limit * now));
}

export function callsLeft(headers: IncomingHttpHeaders): { limit: number; left: number } | undefined {
  const header = headers['x-rate-limit'];
  if (typeof header !== 'string') return undefined;
  const [, limit] = /user-hour-lim:\s*(\d+)/.exec(header) ?? [];
  const [, left] = /user-hour-rem:\s*(\d+)/.exec(header) ?? [];
  return limit && left ? { limit: Number(limit), left: Number(left) } : undefined;
}

/** How long a throttled call waits if the hour's budget is empty. `undefined` if calls are left. */
export const exhaustedMs = (headers: IncomingHttpHeaders): number | undefined =>
  callsLeft(headers)?.left === 0 ? EXHAUSTED_MS : undefined;

import type { IncomingHttpHeaders } from 'node:http';

const HOUR_MS = 3_600_000;
/** Share of the hour's calls below which jobs are spaced out. */
const SCARCE = 0.1;
/** What a job may need; with less left, it had better not begin. */
const CALLS_OF_A_JOB = 10;
/** Nobody says when a rolling hour's calls come back: it is looked again after this. */
const EXHAUSTED_MS = 10 * 60_000;
/** Longest pause between two jobs while there is something left. */
const LONGEST_PAUSE_MS = 30_000;

/** What Apple's answers say about the calls that are left, and what follows for the next job. */
export interface Budget {
  /** Reads the headers of an answer. */
  learn(headers: IncomingHttpHeaders): void;
  /** Milliseconds until another job should begin; 0 lets it begin, and counts it. */
  waitMs(): number;
}

/**
 * The hourly budget of one key, as the last answer told it (`user-hour-lim:3500;user-hour-rem:500;`). The fewer calls
 * are left, the farther apart jobs begin; with too few for a job none does. All processes share the key and each sees
 * what is left for all.
 */
export function createBudget(now: () => number): Budget {
  let known: { limit: number; left: number; at: number } | undefined;
  let begunAt = Number.NEGATIVE_INFINITY;

  return {
    learn: (headers) => {
      const told = callsLeft(headers);
      if (told) known = { ...told, at: now() };
    },
    waitMs: () => {
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
  // An hour's calls come back in an hour; spread evenly is the fair guess for what came back since.
  const now = left + (limit * (time - at)) / HOUR_MS;
  if (now < CALLS_OF_A_JOB) return EXHAUSTED_MS;
  const scarce = limit * SCARCE;
  if (now >= scarce) return 0;
  return Math.min(LONGEST_PAUSE_MS, (CALLS_OF_A_JOB * HOUR_MS * scarce) / (limit * now));
}

/** Limit and rest of `X-Rate-Limit`, where the answer has it. */
export function callsLeft(headers: IncomingHttpHeaders): { limit: number; left: number } | undefined {
  const header = headers['x-rate-limit'];
  if (typeof header !== 'string') return undefined;
  const [, limit] = /user-hour-lim:\s*(\d+)/.exec(header) ?? [];
  const [, left] = /user-hour-rem:\s*(\d+)/.exec(header) ?? [];
  return limit && left ? { limit: Number(limit), left: Number(left) } : undefined;
}

/** How long a throttled call is to wait where no header says it: a minute, or for the hour's budget. */
export const exhaustedMs = (headers: IncomingHttpHeaders): number | undefined =>
  callsLeft(headers)?.left === 0 ? EXHAUSTED_MS : undefined;

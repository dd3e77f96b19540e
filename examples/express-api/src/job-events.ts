import { createHash, timingSafeEqual } from 'node:crypto';
import { type Completion, InvalidJobError } from 'background-jobs-producer';
import { type RequestHandler, Router } from 'express';
import { Problem } from './problems';
import { json, MEBIBYTE } from './routes';

export interface JobEventsOptions {
  /** What EventBridge sends as the header `authorization`. */
  key: string;
  /** Is called once for each end of a job. If it rejects, the answer is an error, and EventBridge posts the end again. */
  onEnd: (end: Completion) => unknown;
}

/** Keep the last end of each job in your database instead, because a process forgets, and others do not know. */
const MOST_JOBS = 10_000;

/** Takes the ends of jobs (docs/events.md). EventBridge waits for five seconds, so leave longer work to a job. */
export function jobEvents({ key, onEnd }: JobEventsOptions): Router {
  const ends = new Map<string, Completion>();
  /** Calls that have not ended, by the end's id: a repeat waits for the first one's answer. */
  const calls = new Map<string, Promise<void>>();
  const tell = async (end: Completion) => {
    await onEnd(end);
    ends.delete(end.job);
    ends.set(end.job, end);
    const [oldest = ''] = ends.keys();
    if (ends.size > MOST_JOBS) ends.delete(oldest);
  };
  const router = Router();
  router.post('/job-events', requireKey(key), json(MEBIBYTE), async (request, response) => {
    const end = (request.body as { detail?: Completion } | null)?.detail;
    if (typeof end?.id !== 'string' || typeof end.job !== 'string')
      throw new InvalidJobError([{ field: 'detail', message: 'detail: must be the end of a job' }]);
    if (isNews(end, ends.get(end.job))) {
      const call = calls.get(end.id) ?? tell(end).finally(() => calls.delete(end.id));
      calls.set(end.id, call);
      await call;
    }
    response.status(204).end();
  });
  return router;
}

/** Whether an end is neither a repeat nor older than the known one, because events come in any order. */
const isNews = (end: Completion, known: Completion | undefined): boolean =>
  known === undefined ||
  end.generation > known.generation ||
  (end.generation === known.generation && end.id !== known.id && end.endedAt >= known.endedAt);

/** Compares digests, so that the time of the answer tells nothing about the key. A 401 is posted again for a day. */
const requireKey =
  (key: string): RequestHandler =>
  (request, _response, next) => {
    const digest = (text: string) => createHash('sha256').update(text).digest();
    if (!timingSafeEqual(digest(request.get('authorization') ?? ''), digest(key)))
      throw new Problem(401, 'the key is missing or wrong');
    next();
  };

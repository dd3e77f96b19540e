import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  type Accepted,
  type AcceptedCampaign,
  type FeedbackInput,
  IdempotencyConflictError,
  InvalidJobError,
  type Producer,
  type SubmitOptions,
} from 'background-jobs-producer';
import express, { type Request, Router } from 'express';
import { errorsOf, MOST_ERRORS, Problem } from './problems';

export type Jobs = Pick<Producer, 'feedback' | 'campaign' | 'invite' | 'removeTester' | 'notifyBuild' | 'track'> & {
  jobs: Pick<Producer['jobs'], 'get' | 'cancel'>;
};

export interface Callers {
  /** The owner of jobs and idempotency keys. Take it from your authentication. A key without it is refused. */
  principalOf: (request: Request) => string | undefined;
  /** The authenticated user. Without one, an address gets three confirmations an hour, without the sender's text. */
  userOf?: ((request: Request) => { id: string; email: string } | undefined) | undefined;
}

export const MEBIBYTE = 1024 * 1024;
/** A campaign holds its recipients. */
const CAMPAIGN_BYTES = 10 * MEBIBYTE;
/** As in openapi.json. Each event is validated before the next request is handled. */
const MOST_EVENTS = 10_000;

export function jobRoutes({ producer, principalOf, userOf = () => undefined }: Callers & { producer: Jobs }): Router {
  const router = Router();

  type Answer = Accepted & Partial<AcceptedCampaign>;
  const submitting = (path: string, limit: number, submit: (request: Request) => Promise<Answer>) =>
    router.post(path, json(limit), async (request, response) => {
      const { id, duplicate, ended, warnings, ...campaign } = await submit(request);
      // How the list was taken. Where the bucket has its rejected recipients is for the API, not for its callers.
      const { requested, recipients, duplicates, rejected, rejections, leftOut } = campaign;
      const list = { requested, recipients, duplicates, rejected, rejections, leftOut };
      // The job is stored and will be done. `Location` shows its state. JSON leaves out what is undefined.
      const shown = { id, duplicate, ended, warnings: warnings && errorsOf(warnings), ...list };
      response.status(202).location(`/jobs/${id}`).json(shown);
    });

  /** The producer checks all of these. */
  function optionsOf(request: Request): SubmitOptions {
    const { notBefore, ...others } = request.query;
    if (Object.keys(others).length > 0) throw invalid('(query)', 'takes notBefore only, once');
    return {
      key: request.get('idempotency-key'),
      principal: principalOf(request),
      correlationId: request.get('x-correlation-id'),
      traceparent: request.get('traceparent'),
      notBefore: notBefore as string | undefined,
    } as SubmitOptions;
  }

  /** For jobs that mail any address, or change testers. The producer takes a caller's files only with their owner. */
  function ownedOptionsOf(request: Request): SubmitOptions {
    const options = optionsOf(request);
    if (options.principal === undefined) throw new Problem(401, 'only an authenticated client may do this');
    return options;
  }

  submitting('/feedback', MEBIBYTE, (request) => {
    const { body } = request;
    const user = fieldsOf(request).user;
    const options = optionsOf(request);
    if (typeof user !== 'object' || user === null) return producer.feedback(body, options);
    if ('id' in user) throw invalid('user.id', 'comes from the authentication, not from the body');
    const feedback = { ...body, user: { ...user, ...userOf(request) } };
    // A key needs an owner.
    if (options.key !== undefined || options.principal === undefined) return producer.feedback(feedback, options);
    const { principal } = options;
    return producer.feedback(feedback, { ...options, key: keyOf(feedback), principal }).catch((error: unknown) => {
      if (!(error instanceof IdempotencyConflictError)) throw error;
      // The same words again, beside other facts.
      return error.sent ? { id: error.id, time: '', duplicate: true } : producer.feedback(feedback, options);
    });
  });
  submitting('/campaigns', CAMPAIGN_BYTES, (request) => {
    const options = ownedOptionsOf(request);
    const { recipients, again, ...given } = fieldsOf(request);
    if (!Array.isArray(recipients)) throw invalid('recipients', 'must be an array');
    return producer.campaign(given as never, recipients, { ...options, again: again as boolean });
  });
  submitting('/testflight', MEBIBYTE, (request) => {
    const options = ownedOptionsOf(request);
    const { action, ...data } = fieldsOf(request);
    if (action === 'invite') return producer.invite(data as never, options);
    if (action === 'remove') return producer.removeTester(data as never, options);
    if (action === 'notify-build') return producer.notifyBuild(data as never, options);
    throw invalid('action', 'must be one of "invite", "remove", "notify-build"');
  });

  router.post('/analytics', json(MEBIBYTE), async (request, response) => {
    response.status(202).json(await trackAll(producer, fieldsOf(request).events));
  });

  router.get('/jobs/:id', async (request, response) => {
    const job = await producer.jobs.get(request.params.id, { principal: principalOf(request) });
    if (!job.ended) response.set('retry-after', '1');
    response.set('cache-control', 'no-store').json(job);
  });
  router.delete('/jobs/:id', async (request, response) => {
    const { cancelled, ...job } = await producer.jobs.cancel(request.params.id, { principal: principalOf(request) });
    if (!cancelled)
      throw new Problem(409, 'only a planned job that waits for its time can be cancelled', {}, { job: job.id });
    response.json(job);
  });
  router.get('/openapi.json', (_request, response) => {
    response.sendFile('openapi.json', { root: join(__dirname, '..') });
  });
  return router;
}

/**
 * Tracks a list of events. The producer keeps them in memory for up to 15 seconds and sends them together. So a killed
 * process loses these, and a stopped process does not. `errors` names the first invalid events by their index; `accepted`
 * counts the others. Throws an InvalidJobError if no event is valid.
 */
async function trackAll({ track }: Pick<Producer, 'track'>, events: unknown) {
  if (!Array.isArray(events) || events.length === 0) throw invalid('events', 'must be a list of at least one event');
  if (events.length > MOST_EVENTS) throw invalid('events', `must be at most ${MOST_EVENTS} entries`);
  const errors: { field: string; detail: string }[] = [];
  let taken = 0;
  for (const [index, event] of events.entries())
    try {
      await track(event);
      taken++;
    } catch (error) {
      if (!(error instanceof InvalidJobError)) throw error;
      if (errors.length >= MOST_ERRORS) continue;
      for (const { field, message } of error.problems) {
        const path = ['events', index, field].filter((part) => part !== '').join('.');
        errors.push({ field: path, detail: message.slice(message.indexOf(': ') + 2) });
      }
    }
  if (taken === 0)
    throw new InvalidJobError(errors.map(({ field, detail }) => ({ field, message: `${field}: ${detail}` })));
  return { accepted: taken, errors };
}

/** Reads any JSON. The producer refuses a body that is none. */
export const json = (limit: number) => express.json({ limit, strict: false });

/** Of a caller who gives no key: a second tap on "Send" within the minute is the same feedback. */
function keyOf({ user, subject, message, attachments }: FeedbackInput): string {
  const minute = Math.floor(Date.now() / 60_000);
  const files = Array.isArray(attachments) ? attachments.map((file) => file?.key) : [];
  // The producer refuses what is no text.
  const words = [minute, user.id, user.email, subject, message, ...files].map((word) =>
    typeof word === 'object' ? '' : word,
  );
  return `derived ${createHash('sha256').update(JSON.stringify(words)).digest('hex')}`;
}

const invalid = (field: string, rule: string) => new InvalidJobError([{ field, message: `${field}: ${rule}` }]);

const fieldsOf = ({ body }: Request): Record<string, unknown> =>
  typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};

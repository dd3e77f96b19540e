import type http from 'node:http';
import { StoreError } from '../errors';
import { IdempotencyConflictError, InvalidJobError } from '../producer/errors';
import type { Producer } from '../producer/producer';
import type { Accepted } from '../producer/submit';
import type { Tracker } from '../producer/tracker';
import { pathOf, RequestError, readJson, readSubmission } from './api-request';
import {
  controlCampaign,
  submitCampaign,
  submitEmail,
  submitFeedback,
  submitTestflight,
  trackEvents,
} from './submissions';

export interface ApiDeps {
  producer: Producer;
  /** Invokes the function that receives SendGrid's events and resolves to its status. */
  emailEvents: (request: http.IncomingMessage) => Promise<number>;
  tracker: Pick<Tracker, 'track'>;
  views: {
    jobs(): Promise<object[]>;
    job(id: string): Promise<object | undefined>;
    deadLetters(): object[];
  };
  /** Answers `GET /health` with the URLs of all parts. */
  health: () => object;
}

interface Answer {
  status: number;
  json: object;
  headers?: Record<string, string>;
}

/** `rest` is the path after the first part. */
type Route = (request: http.IncomingMessage, rest: string) => Promise<Answer>;

/**
 * A small API over the producer. `POST /feedback`, `/emails`, `/campaigns` and `/testflight` answer 202 with the job's id
 * and its Location. `GET /jobs[/{id}]`, `/campaigns/{id}`, `/dlq` and `/health` show the state of jobs and service.
 * `POST /email-events` is the function URL for SendGrid's events.
 */
export function createApi(deps: ApiDeps): http.RequestListener {
  const routes = routesOf(deps);

  async function answer(request: http.IncomingMessage): Promise<Answer> {
    const { first, rest } = pathOf(request);
    const methods = routes[`/${first}`];
    if (!methods || (rest !== '' && !WITH_PATH.has(first))) throw new RequestError(404, 'there is no such path');
    const route = methods[request.method ?? ''];
    const allow = Object.keys(methods).join(', ');
    if (!route) throw new RequestError(405, `use ${allow}`, { allow });
    return route(request, rest);
  }

  return (request, response) => {
    answer(request)
      .catch(refusal)
      .then(({ status, json, headers }) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(status === 204 ? '' : `${JSON.stringify(json)}\n`);
      })
      .catch(() => response.destroy());
  };
}

/** Routes that take more than one part of the path. */
const WITH_PATH = new Set(['jobs', 'campaigns']);

const routesOf = ({
  producer,
  emailEvents,
  tracker,
  views,
  health,
}: ApiDeps): Record<string, Record<string, Route>> => ({
  '/feedback': { POST: async (request) => accepted(await submitFeedback(producer, await readSubmission(request))) },
  '/testflight': { POST: async (request) => accepted(await submitTestflight(producer, await readSubmission(request))) },
  '/emails': { POST: async (request) => accepted(await submitEmail(producer, await readSubmission(request))) },
  '/campaigns': {
    POST: async (request, path) => {
      if (path !== '') return found('campaign', await controlCampaign(producer, path));
      const { time: _time, ...json } = await submitCampaign(producer, await readSubmission(request));
      return { status: 202, json, headers: { location: `/campaigns/${json.id}` } };
    },
    GET: async (_, id) => found('campaign', await producer.campaigns.report(id)),
  },
  '/email-events': { POST: async (request) => ({ status: await emailEvents(request), json: {} }) },
  '/analytics': {
    POST: async (request) => ({ status: 202, json: await trackEvents(tracker, await readJson(request)) }),
  },
  '/jobs': { GET: async (_, id) => found('job', id === '' ? await views.jobs() : await views.job(id)) },
  '/dlq': { GET: async () => ({ status: 200, json: views.deadLetters() }) },
  '/health': { GET: async () => ({ status: 200, json: health() }) },
});

function found(what: 'job' | 'campaign', json: object | undefined): Answer {
  if (!json) throw new RequestError(404, `there is no such ${what}`);
  return { status: 200, json };
}

const accepted = ({ id, duplicate }: Accepted): Answer => ({
  status: 202,
  json: { id, ...(duplicate && { duplicate }) },
  headers: { location: `/jobs/${id}` },
});

function refusal(error: unknown): Answer {
  if (error instanceof RequestError)
    return { status: error.status, json: { error: error.message }, headers: error.headers };
  if (error instanceof InvalidJobError) return { status: 400, json: { error: 'not valid', problems: error.problems } };
  if (error instanceof IdempotencyConflictError)
    return { status: 409, json: { error: error.message, id: error.id }, headers: { location: `/jobs/${error.id}` } };
  if (error instanceof StoreError)
    return {
      status: 503,
      json: { error: 'try again with the same idempotency key', code: error.code },
      headers: { 'retry-after': '1' },
    };
  // The message of any other error may quote the request.
  return { status: 500, json: { error: 'internal error' } };
}

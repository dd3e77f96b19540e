import type http from 'node:http';
import { StoreError } from '../errors';
import { IdempotencyConflictError, InvalidJobError } from '../producer/errors';
import type { Producer } from '../producer/producer';
import type { Accepted } from '../producer/submit';
import type { Tracker } from '../producer/tracker';
import type { SubmitOptions } from '../producer/valid';
import { trackEvents } from './analytics-request';
import { decideCampaign, type EmailProducer, submitCampaignBody, submitEmailBody } from './campaigns-request';
import { submitTestflight, type TestflightProducer } from './testflight-request';

export interface ApiDeps {
  producer: Pick<Producer, 'feedback'> & TestflightProducer & EmailProducer;
  /** The function behind a URL that takes the mail service's events; answers its status. */
  emailEvents: (request: http.IncomingMessage) => Promise<number>;
  tracker: Pick<Tracker, 'track'>;
  views: {
    jobs(): Promise<object[]>;
    job(id: string): Promise<object | undefined>;
    deadLetters(): object[];
  };
  /** For `GET /health`: where everything is. */
  health: () => object;
}

interface Answer {
  status: number;
  json: object;
  headers?: Record<string, string>;
}

type Route = (request: http.IncomingMessage, argument: string) => Promise<Answer>;

const MAX_BODY_BYTES = 1024 * 1024;

/** A request that is wrong before any job is looked at. The message names a rule, never what was sent. */
class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * What an Express API does with the producer, small: `POST /feedback`, `/emails`, `/campaigns` and `/testflight` answer
 * 202 with the job's id and a Location, `GET /jobs[/{id}]`, `/campaigns/{id}`, `/dlq` and `/health` show what became of
 * it. `POST /email-events` is the function URL that the mail service's events go to.
 */
export function createApi({ producer, emailEvents, tracker, views, health }: ApiDeps): http.RequestListener {
  const routes: Record<string, Record<string, Route>> = {
    '/feedback': {
      POST: async (request) => {
        // The producer validates; until then the body is anybody's.
        const data = (await readJson(request)) as Parameters<Producer['feedback']>[0];
        return accepted(await producer.feedback(data, options(request)));
      },
    },
    '/testflight': {
      POST: async (request) => {
        const body = await readJson(request);
        return accepted(await submitTestflight(producer, { body, options: options(request) }));
      },
    },
    '/emails': {
      POST: async (request) => {
        const body = await readJson(request);
        return accepted(await submitEmailBody(producer, { body, options: options(request) }));
      },
    },
    '/campaigns': {
      POST: async (request, path) => {
        if (path !== '') return found(await decideCampaign(producer, path));
        const body = await readJson(request);
        const { time: _time, ...json } = await submitCampaignBody(producer, { body, options: options(request) });
        return { status: 202, json, headers: { location: `/campaigns/${json.id}` } };
      },
      GET: async (_, id) => found(await producer.campaigns.report(id)),
    },
    '/email-events': { POST: async (request) => ({ status: await emailEvents(request), json: {} }) },
    '/analytics': {
      POST: async (request) => ({ status: 202, json: await trackEvents(tracker, await readJson(request)) }),
    },
    '/jobs': {
      GET: async (_, id) => {
        if (id === '') return { status: 200, json: await views.jobs() };
        const job = await views.job(id);
        if (!job) throw new RequestError(404, 'there is no such job');
        return { status: 200, json: job };
      },
    },
    '/dlq': { GET: async () => ({ status: 200, json: views.deadLetters() }) },
    '/health': { GET: async () => ({ status: 200, json: health() }) },
  };

  async function answer(request: http.IncomingMessage): Promise<Answer> {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const [, first = '', ...rest] = pathname.split('/');
    const methods = routes[`/${first}`];
    if (!methods || (rest.length > 0 && !WITH_PATH.has(first))) throw new RequestError(404, 'there is nothing here');
    const route = methods[request.method ?? ''];
    const allow = Object.keys(methods).join(', ');
    if (!route) throw new RequestError(405, `use ${allow}`, { allow });
    return route(request, decode(rest.join('/')));
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

/** Paths that go on. */
const WITH_PATH = new Set(['jobs', 'campaigns']);

function found(json: object | undefined): Answer {
  if (!json) throw new RequestError(404, 'there is no such campaign');
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
      json: { error: 'try again, with the same key', code: error.code },
      headers: { 'retry-after': '1' },
    };
  // Anything else may quote the request: only its kind is told.
  return { status: 500, json: { error: 'something is wrong here' } };
}

async function readJson(request: http.IncomingMessage): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new RequestError(415, 'the content type must be application/json');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    // The rest stays unread, so the connection cannot be used again.
    if (bytes > MAX_BODY_BYTES)
      throw new RequestError(413, `the body must be at most ${MAX_BODY_BYTES} bytes`, { connection: 'close' });
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    throw new RequestError(400, 'the body is not JSON');
  }
}

function options({ headers }: http.IncomingMessage): SubmitOptions {
  const one = (name: string): string | undefined => [headers[name]].flat()[0];
  return {
    key: one('idempotency-key'),
    // Whoever the API has authenticated; here everybody is the same.
    principal: 'local',
    correlationId: one('x-correlation-id'),
    traceparent: one('traceparent'),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RequestError(400, 'the path is not well-formed');
  }
}

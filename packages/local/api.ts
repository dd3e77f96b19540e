import express, { type Express, type Request, Router } from 'express';
import { createApp } from '../../examples/express-api/src/app';
import { accepted, type Jobs, MEBIBYTE, optionsFor, posting } from '../../examples/express-api/src/routes';
import type { JobProducer } from '../producer/client';
import type { InvokeResult } from './lambda/runtime';

export interface ApiDeps {
  producer: Jobs & Pick<JobProducer, 'email'>;
  emailEvents: (event: object) => Promise<InvokeResult>;
}

/** A real API passes the client that it has authenticated. Here all requests have the same one. */
const principalOf = (): string => 'local';

/** Lambda's limit for the request of a function URL. */
const MOST_BYTES = '6mb';

/** The example's API, routes of this machine only, and the function URL for SendGrid's events. */
export function createApi({ producer, emailEvents }: ApiDeps): Express {
  const router = Router();
  const optionsOf = optionsFor(principalOf);
  posting(router, '/emails', MEBIBYTE, async (request, response) => {
    accepted(response, await producer.email(request.body, optionsOf(request)));
  });
  router.post('/email-events', express.raw({ type: () => true, limit: MOST_BYTES }), async (request, response) => {
    response.status(statusOf(await emailEvents(functionUrlEvent(request)))).end();
  });
  router.get('/health', (_request, response) => {
    response.json({ status: 'ok' });
  });
  return createApp({ producer, principalOf, routers: [router] });
}

/** The event that a function URL makes of a request (payload 2.0), with the raw body in base64. */
const functionUrlEvent = ({ headers, method, body }: Request): object => ({
  version: '2.0',
  rawPath: '/',
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
  requestContext: { http: { method, path: '/' } },
  body: Buffer.from(body ?? '').toString('base64'),
  isBase64Encoded: true,
});

/** The status that the caller gets: the function's own, 429 if it is throttled, 502 if it failed. */
function statusOf(result: InvokeResult): number {
  if (result.kind !== 'answer') return result.kind === 'throttled' ? 429 : 502;
  const { statusCode } = (result.value ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 502;
}

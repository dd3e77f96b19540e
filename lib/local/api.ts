import express, { type Express, Router } from 'express';
import { createApp } from '../../examples/express-api/src/app';
import { Problem } from '../../examples/express-api/src/problems';
import { accepted, type Jobs, only, optionsFor, requireJson } from '../../examples/express-api/src/routes';
import type { Producer } from '../producer/producer';
import type { Views } from './views';

export interface ApiDeps {
  producer: Jobs & Pick<Producer, 'email'>;
  /** Invokes the function that receives SendGrid's events and resolves to its status. */
  emailEvents: (request: express.Request) => Promise<number>;
  views: {
    job(id: string): Promise<object | undefined>;
    deadLetters(): ReturnType<Views['deadLetters']> | object[];
  };
  /** The events about ends of jobs, the newest last. */
  events: readonly object[];
  /** Answers `GET /health` with the URLs of all parts. */
  health: () => object;
}

/** A real API passes the client that it has authenticated. Here all requests have the same one. */
const principalOf = (): string => 'local';

/**
 * The example's API, and routes that only this machine has. `POST /emails` submits a mail. `GET /records/{id}`, `/events`,
 * `/dlq` and `/health` show what the service has. `POST /email-events` is the function URL for SendGrid's events.
 */
export const createApi = (deps: ApiDeps): Express =>
  createApp({ producer: deps.producer, principalOf, routers: [localRoutes(deps)] });

function localRoutes({ producer, emailEvents, views, events, health }: ApiDeps): Router {
  const router = Router();
  const optionsOf = optionsFor(principalOf);

  router
    .route('/emails')
    .post(requireJson, express.json({ limit: '1mb', strict: false }), async (request, response) => {
      accepted(response, await producer.email(request.body, optionsOf(request)));
    })
    .all(only('POST'));

  router.post('/email-events', async (request, response) => {
    response.status(await emailEvents(request)).end();
  });

  router.get('/events', (_request, response) => {
    response.json(events);
  });
  // An id may contain a slash: invalid/{messageId}.
  router.get('/records/*id', async ({ params: { id } }, response) => {
    const job = await views.job([id].flat().join('/'));
    if (job === undefined) throw new Problem(404, 'there is no such job');
    response.json(job);
  });
  router.get('/dlq', (_request, response) => {
    response.json(views.deadLetters());
  });
  router.get('/health', (_request, response) => {
    response.json(health());
  });
  return router;
}

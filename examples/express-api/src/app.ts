import express, { type Express, type Router } from 'express';
import { type Log, logged } from './log';
import { Problem, problems } from './problems';
import { type Jobs, jobRoutes, type PrincipalOf } from './routes';

export interface AppOptions {
  producer: Jobs;
  principalOf: PrincipalOf;
  log?: Log;
  /** Routes of your own. Their errors are answered in the same form. */
  routers?: Router[];
}

/** The whole API, without a port. */
export function createApp({ producer, principalOf, log = () => {}, routers = [] }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(logged(log), ...routers, jobRoutes({ producer, principalOf }));
  app.use(() => {
    throw new Problem(404, 'there is no such path');
  });
  app.use(problems(log));
  return app;
}

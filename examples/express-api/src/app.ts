import express, { type Express, type Router } from 'express';
import { type Log, logged } from './log';
import { Problem, problems } from './problems';
import { type Callers, type Jobs, jobRoutes } from './routes';

export interface AppOptions extends Callers {
  producer: Jobs;
  log?: Log;
  /** Routes of your own. Their errors are answered in the same form. */
  routers?: Router[];
}

export function createApp({ log = () => {}, routers = [], ...callers }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(logged(log), ...routers, jobRoutes(callers));
  app.use(() => {
    throw new Problem(404, 'there is no such path');
  });
  app.use(problems(log));
  return app;
}

import { Hono } from 'hono';
import { consoleApi } from './api';
import { HTML, page } from './bundle';
import type { ConsoleDeps } from './deps';
import { failureOf } from './failure';
import { type Env, headers, ownHost, refuse } from './guard';

/** The console's pages and its API. Everything of it is at `/` and under `/console`. */
export function consoleApp(deps: ConsoleDeps): Hono<Env> {
  const app = new Hono<Env>();
  app.use(headers(), ownHost);
  app.use(async ({ header }, next) => {
    header('cache-control', 'no-store');
    await next();
  });

  app.route('/console/api', consoleApi(deps));

  app.get('/console/assets/page.js', async ({ body }) =>
    body((await page()).script, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  );
  app.get('/console/assets/page.css', async ({ body }) =>
    body((await page()).style, 200, { 'content-type': 'text/css; charset=utf-8' }),
  );
  for (const path of ['/', '/console', '/console/:page']) app.get(path, ({ html }) => html(HTML));

  app.notFound((context) => refuse(context, 404, 'There is no such path.'));
  app.onError((failure, context) => {
    const { status, error } = failureOf(deps, failure);
    return refuse(context, status, error);
  });
  return app;
}

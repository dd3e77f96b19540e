import express, { Router } from 'express';
import { routesOf } from '../../../lib/local/routes';

test('the routes of an API are listed by method, without paths that only refuse a method', () => {
  const router = Router();
  router
    .route('/emails')
    .post((_request, response) => response.end())
    .all((_request, response) => response.status(405).end());
  const app = express();
  app.use(router);
  app.get('/records/*id', (_request, response) => response.end());
  app.get('/jobs/:id/:part', (_request, response) => response.end());

  expect(Object.fromEntries(routesOf(app))).toEqual({ POST: ['/emails'], GET: ['/records/{id}', '/jobs/{id}/{part}'] });
});

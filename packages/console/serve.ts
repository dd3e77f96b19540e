import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import type { build as esbuild } from 'esbuild';
import { Hono } from 'hono';
import { getMimeType } from 'hono/utils/mime';
import { ZodError } from 'zod';
import { OperatorError } from '../../lib/operate/ops/operator';
import { StoreError } from '../../lib/platform/errors';
import { consoleApi } from './api';
import type { ConsoleDeps } from './deps';
import { type Env, headers, ownHost, refuse } from './guard';

const HOST = '127.0.0.1';

/** Starts a console with a new random token. Port 0 takes any free port. Rejects if the port is taken. */
export async function serveConsole(deps: Omit<ConsoleDeps, 'token'>, port: number) {
  const token = randomBytes(32).toString('base64url');
  const server = http.createServer(consoleListener({ ...deps, token })).listen(port, HOST);
  await once(server, 'listening');
  return {
    /** For a browser. Browsers do not send the part after `#`. */
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/#token=${token}`,
    close: async () => {
      server.close().closeAllConnections();
      await once(server, 'close');
    },
  };
}

export const isConsolePath = (url = '/'): boolean => /^\/(\?.*)?$|^\/console([/?]|$)/.test(url);

export function consoleListener(deps: ConsoleDeps): http.RequestListener {
  const app = new Hono<Env>();
  app.use(headers, ownHost);
  app.use(async ({ header }, next) => {
    header('cache-control', 'no-store');
    await next();
  });

  app.route('/console/api', consoleApi(deps));

  for (const file of ['page.js', 'page.css', 'icon.svg'])
    app.get(`/console/assets/${file}`, async ({ body }) =>
      body((await page())[file] ?? '', 200, { 'content-type': getMimeType(file) ?? '' }),
    );
  for (const path of ['/', '/console', '/console/:page'])
    app.get(path, async ({ html }) => html((await page())['index.html'] ?? ''));

  app.notFound((context) => refuse(context, 404, 'There is no such path.'));
  app.onError((error, context) => {
    if (error instanceof OperatorError) return refuse(context, 409, error.message);
    if (error instanceof ZodError) return refuse(context, 409, 'The request is not valid.');
    if (error instanceof StoreError) return refuse(context, 502, error.message);
    // The text of an unknown error may hold personal data, so only its name is logged.
    deps.deployment.log.error('the console failed', { code: error.name });
    return refuse(context, 500, 'The console failed. This is a bug.');
  });
  return getRequestListener(app.fetch);
}

let built: Promise<Record<string, string>> | undefined;

/** The page's files by name. They are bundled once per process: some 50 ms, so a user needs no build step. */
export const page = (): Promise<Record<string, string>> => (built ??= bundle());

async function bundle(): Promise<Record<string, string>> {
  // Commands run in the project's folder. This file may be part of a bundle, so its own folder says nothing.
  const project = process.cwd();
  // Loaded on first use, and as plain Node does, because esbuild refuses the globals of jest.
  const { build } = createRequire(join(project, 'package.json'))('esbuild') as { build: typeof esbuild };
  const folder = join(project, 'packages', 'console', 'page');
  const { outputFiles } = await build({
    entryPoints: ['page.tsx', 'page.css', 'icon.svg', 'index.html'].map((name) => join(folder, name)),
    loader: { '.svg': 'copy', '.html': 'copy' },
    outdir: '/',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  });
  return Object.fromEntries(outputFiles.map(({ path, text }) => [path.split(/[\\/]/).at(-1), text]));
}

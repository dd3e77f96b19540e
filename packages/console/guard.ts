import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** The server's requests carry the socket, from which the guard learns the port. */
export interface Env {
  Bindings: HttpBindings;
}

/** The page loads and calls only its own server, runs no inline script, and no other page may show it in a frame. */
export const headers: MiddlewareHandler<Env> = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
  // With no-referrer a browser would also hide the origin of the page's own POSTs.
  referrerPolicy: 'same-origin',
  xFrameOptions: 'DENY',
  strictTransportSecurity: false,
});

/** Names that a browser can only resolve to this machine, with the console's own port. */
const hostsOf = ({ env }: Context<Env>): string[] =>
  ['127.0.0.1', 'localhost'].map((name) => `${name}:${env.incoming.socket.localPort}`);

/** Refuses requests that name another host. That ends DNS rebinding: browsers send the name that the attacker chose. */
export const ownHost: MiddlewareHandler<Env> = async (context, next) =>
  hostsOf(context).includes(context.req.header('host') ?? '')
    ? next()
    : refuse(context, 421, 'The console answers only as 127.0.0.1 or localhost, with its own port.');

/** Lets only the console's own page call the API. Without a `token`, as on the local service, the page needs none. */
export function ownPage(token: string | undefined): MiddlewareHandler<Env> {
  return async (context, next) => {
    const { req } = context;
    const { origin, 'sec-fetch-site': site = 'same-origin', 'x-console': page, ...rest } = req.header();
    const origins = hostsOf(context).map((host) => `http://${host}`);
    // A browser names the origin of each request that changes something.
    const isOwn = origin === undefined ? req.method === 'GET' : origins.includes(origin);
    if (!isOwn || site !== 'same-origin') return refuse(context, 403, 'The request comes from another origin.');
    // A page of another origin could send it only after a preflight, which is refused.
    if (page === undefined)
      return refuse(context, 403, 'The header x-console is missing. Only the page calls the API.');
    // Of digests, so that the time tells nothing about the token.
    if (token !== undefined && !timingSafeEqual(digest(rest.authorization ?? ''), digest(`Bearer ${token}`)))
      return refuse(context, 401, 'The token is missing or wrong. Open the address that the console printed.');
    if (req.method !== 'GET' && !/^application\/json(;|$)/.test(rest['content-type'] ?? ''))
      return refuse(context, 415, 'The body must be JSON.');
    return next();
  };
}

export const refuse = (context: Context, status: ContentfulStatusCode, error: string) =>
  context.json({ error }, status);

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

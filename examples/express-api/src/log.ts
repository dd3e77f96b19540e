import type { RequestHandler } from 'express';

/** Takes facts without personal data: no bodies, no addresses, no paths that a caller has chosen. */
export type Log = (message: string, facts?: object) => void;

export const jsonLog: Log = (message, facts = {}) => {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), message, ...facts })}\n`);
};

export const logged =
  (log: Log): RequestHandler =>
  (request, response, next) => {
    const begun = performance.now();
    response.on('close', () => {
      const route = (request.route as { path?: string } | undefined)?.path;
      log('request', {
        method: request.method,
        ...(route === undefined ? {} : { route }),
        status: response.writableFinished ? response.statusCode : 'aborted',
        ms: Math.round(performance.now() - begun),
      });
    });
    next();
  };

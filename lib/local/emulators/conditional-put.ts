// fauxqs is an ES module: a plain type import of it does not resolve from CommonJS.
type App = ReturnType<typeof import('fauxqs', { with: { 'resolution-mode': 'import' }}).buildApp>;

const REFUSED = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>PreconditionFailed</Code></Error>';

/**
 * Has the emulator mind `If-None-Match: *` on a put, as S3 does: 412 where there is an object. Conditional puts of one
 * key are looked at one after another.
 */
export function mindConditions(app: App): void {
  const last = new Map<string, Promise<void>>();
  const ends = new WeakMap<object, () => void>();

  app.addHook('onRequest', async (request, reply) => {
    const { method, url, headers } = request;
    if (method !== 'PUT' || headers['if-none-match'] !== '*') return;
    const key = url.split('?')[0] ?? '';
    const before = last.get(key);
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    last.set(key, over);
    ends.set(request, () => {
      end();
      if (last.get(key) === over) last.delete(key);
    });
    await before;
    const { statusCode } = await app.inject({ method: 'HEAD', url: key, headers: { host: headers.host ?? '' } });
    if (statusCode === 200) await reply.code(412).type('application/xml').send(REFUSED);
  });
  app.addHook('onResponse', async (request) => ends.get(request)?.());
  app.addHook('onRequestAbort', async (request) => ends.get(request)?.());
}

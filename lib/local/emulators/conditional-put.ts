// A plain type import of fauxqs, an ES module, does not resolve from CommonJS.
type App = ReturnType<typeof import('fauxqs', { with: { 'resolution-mode': 'import' }}).buildApp>;

const REFUSED = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>PreconditionFailed</Code></Error>';

/**
 * Adds S3's `If-None-Match: *` to the emulator: a put answers 412 if the object exists. It runs the conditional puts of
 * one key one after another.
 */
export function addConditionalPuts(app: App): void {
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

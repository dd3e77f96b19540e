// A plain type import of fauxqs, an ES module, does not resolve from CommonJS.
type App = ReturnType<typeof import('fauxqs', { with: { 'resolution-mode': 'import' }}).buildApp>;

const STATUS = { PreconditionFailed: 412, NoSuchKey: 404 } as const;

/**
 * Adds `If-None-Match: *` and `If-Match` of PutObject to the emulator, with S3's answers.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 * Those of one key run one after another. So no answer is a conflict.
 */
export function addConditionalPuts(app: App): void {
  /** The end of the last conditional put of each key. */
  const turns = new Map<string, Promise<void>>();
  const ends = new WeakMap<object, () => void>();

  app.addHook('onRequest', async (request, reply) => {
    const { method, url, headers } = request;
    const expected = headers['if-none-match'] ?? headers['if-match'];
    if (method !== 'PUT' || expected === undefined) return;
    const key = url.split('?')[0] ?? '';
    const before = turns.get(key);
    turns.set(key, new Promise((resolve) => ends.set(request, resolve)));
    await before;
    const head = await app.inject({ method: 'HEAD', url: key, headers: { host: headers.host ?? '' } });
    const etag = head.statusCode === 200 ? String(head.headers.etag) : undefined;
    const code = refusal(etag, expected === '*' ? undefined : expected);
    if (code) await reply.code(STATUS[code]).type('application/xml').send(`<Error><Code>${code}</Code></Error>`);
  });
  for (const end of ['onResponse', 'onRequestAbort'] as const)
    app.addHook(end, async (request: object) => ends.get(request)?.());
}

/** Why S3 refuses a conditional put. `expected` is undefined if the key must be free. */
function refusal(etag: string | undefined, expected: string | undefined): keyof typeof STATUS | undefined {
  if (expected === undefined) return etag === undefined ? undefined : 'PreconditionFailed';
  if (etag === undefined) return 'NoSuchKey';
  return etag.replaceAll('"', '') === expected.replaceAll('"', '') ? undefined : 'PreconditionFailed';
}

// A plain type import of fauxqs, an ES module, does not resolve from CommonJS.
type App = ReturnType<typeof import('fauxqs', { with: { 'resolution-mode': 'import' }}).buildApp>;

const STATUS = { PreconditionFailed: 412, ConditionalRequestConflict: 409, NoSuchKey: 404 } as const;
type Refusal = keyof typeof STATUS;

const errorText = (code: Refusal): string =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code></Error>`;

/** A key's last conditional put, and how often the key was deleted while conditional puts of it waited. */
interface Turn {
  over: Promise<void>;
  deletes: number;
}

/**
 * Adds S3's `If-None-Match: *` and `If-Match` of PutObject to the emulator, with S3's answers
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). The conditional puts of one key run
 * one after another.
 */
export function addConditionalPuts(app: App): void {
  const turns = new Map<string, Turn>();
  const ends = new WeakMap<object, () => void>();

  app.addHook('onRequest', async (request, reply) => {
    const { method, url, headers } = request;
    const key = url.split('?')[0] ?? '';
    const before = turns.get(key);
    if (method === 'DELETE' && before) before.deletes += 1;
    const free = headers['if-none-match'] === '*';
    const expected = headers['if-match'];
    if (method !== 'PUT' || !(free || expected !== undefined)) return;

    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const turn = { over, deletes: before?.deletes ?? 0 };
    const deletes = turn.deletes;
    turns.set(key, turn);
    ends.set(request, () => {
      end();
      if (turns.get(key) === turn) turns.delete(key);
    });
    await before?.over;
    const { statusCode, headers: stored } = await app.inject({
      method: 'HEAD',
      url: key,
      headers: { host: headers.host ?? '' },
    });
    const code = refusal({
      etag: statusCode === 200 ? String(stored.etag) : undefined,
      expected: free ? undefined : expected,
      deleted: (turns.get(key)?.deletes ?? 0) > deletes,
    });
    if (code) await reply.code(STATUS[code]).type('application/xml').send(errorText(code));
  });
  app.addHook('onResponse', async (request) => ends.get(request)?.());
  app.addHook('onRequestAbort', async (request) => ends.get(request)?.());
}

/** Why S3 refuses a conditional put. `expected` is undefined if the key must be free. */
function refusal({
  etag,
  expected,
  deleted,
}: {
  etag: string | undefined;
  expected: string | undefined;
  deleted: boolean;
}): Refusal | undefined {
  if (deleted) return 'ConditionalRequestConflict';
  if (expected === undefined) return etag === undefined ? undefined : 'PreconditionFailed';
  if (etag === undefined) return 'NoSuchKey';
  return unquoted(etag) === unquoted(expected) ? undefined : 'PreconditionFailed';
}

const unquoted = (etag: string): string => etag.replaceAll('"', '');

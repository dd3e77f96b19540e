import fc from 'fast-check';
import { describeLeft } from '../../../lib/engine/jobs/envelope';
import type { InvalidJobError } from '../../../lib/engine/submit/errors';
import { messageType } from '../../../lib/engine/worker/contract';
import { COSMETIC, normalise } from '../../../lib/platform/normalise';
import { fromCsv, fromNdjson, type Read, recipientCheck } from '../../../lib/queues/emails/recipients';
import { feedbackSchema } from '../../../lib/queues/feedback/message';
import { pages } from '../../docs/pages';
import { envelope, memoryEngine } from '../../support/engine';
import { memoryProducerDeps } from '../../support/producer';
import { damaged, MARK, printSeed, share } from '../fuzz/random';

beforeAll(printSeed);

/** Not used: refused, left out and named, or left out as if it were not there. Otherwise the value that is used. */
type Use = { is: 'refused' | 'left' | 'absent' } | { value: unknown };
type Shape = [path: string, input: unknown, use: Use];

const USES: Record<string, Use> = { '✗': { is: 'refused' }, '−': { is: 'left' }, '∅': { is: 'absent' } };

/** `input → used`, or only `input` if it is used as it is. Escapes are those of JSON. */
const shapes = (path: string, table: string): Shape[] =>
  table.split(/\s\|\s+/).map((pair) => {
    const [input = '', used = input] = pair
      .trim()
      .split('→')
      .map((part) => part.trim());
    const value = (text: string): unknown => (/^["[{]|^(null|true|-?\d+)$/.test(text) ? JSON.parse(text) : text);
    return [path, value(input), USES[used] ?? { value: value(used) }];
  });

const ADDRESSES = shapes(
  'user.email',
  `user@example.com | "user@example.com " → user@example.com | "\\tuser@example.com\\r\\n" → user@example.com |
  User.Name@Example.COM → user.name@example.com | "\\ufeffuser@example.com" → user@example.com |
  "user@exam\\u200bple.com" → user@example.com | "\\u202auser@example.com\\u202c" → user@example.com |
  "\\u00a0user@example.com" → user@example.com | a&b@example.com | a/b@example.com | o'brien@example.com |
  user+tag@example.com | first.last@mail.example.co.uk | user_1@example.museum | 1@example.com | -a@example.com |
  user@müller.de → user@xn--mller-kva.de | user@MÜLLER.de → user@xn--mller-kva.de | user@xn--mller-kva.de |
  user@пример.рф → user@xn--e1afmkfd.xn--p1ai | user@例え。jp → user@xn--r8jz45g.jp | ｕｓｅｒ＠example.com → user@example.com |
  "\\"user name\\"@example.com" → ✗ | jörg@example.com → ✗ | user@example → ✗ | user@@example.com → ✗ | user → ✗ |
  "" → ✗ | null → ✗ | "A User <user@example.com>" → ✗ | user@example.com;b@example.com → ✗ | .user@example.com → ✗ |
  us..er@example.com → ✗ | user.@example.com → ✗ | user@-example.com → ✗ | "user@example.com\\r\\nBcc: all" → ✗ |
  user@example.com. → ✗ | user@[127.0.0.1] → ✗ | user@127.0.0.1 → ✗ | 7 → ✗ | "us er@example.com" → ✗`,
);
const NAMES = shapes(
  'user.name',
  `Zoë 李 | "  A User " → A User | "A\\nUser" → A User | "A\\u2028User" → A User | "A\\u0000User" → A User |
  "A \\ud83d" → A | "A\\u0085User" → A User | "😀 A" | O'Brien | "Smith, John" | null → ∅ | "" → ∅ | "   " → ∅ | 7 → − |
  ["A"] → − | {"first":"A"} → − | true → − | "A\\r\\nBcc: b@example.com" → "A  Bcc: b@example.com" | Dr. A. User-Name`,
);
const FEEDBACK = [
  ...ADDRESSES,
  ...NAMES,
  ...shapes('user.id', `u-1 | 42 → ✗ | null → ✗ | "" → ✗ | "u\\n1" → ✗`),
  ...shapes(
    'subject',
    `"Hello " → Hello | "Hello\\u000bworld" → Hello world | "a\\tb" → a b | "Hi \\ud83d" → Hi | "two\\nlines" → two lines |
    "\\u001b[2J" → "[2J" | "" → ✗ | null → ✗ | "  " → ✗ | 7 → ✗ | "\\u200b" → ✗ | 👍`,
  ),
  ...shapes(
    'message',
    `"line\\nline" | "line\\r\\nline" | "\\tindented" → indented | "soft\\u000bbreak" → soft break | "page\\u000cbreak" → page break |
    "\\u001bcolour" → colour | "nul\\u0000" → nul | "c1\\u0085" → c1 | "cut 😀\\ude00" → cut 😀 | "a\\u2028b" | مرحبا | "\\u202eabc" |
    "" → ✗ | null → ✗ | " \\n " → ✗ | [] → ✗`,
  ),
  ...shapes(
    'locale',
    `de | de-AT | de_AT → de-AT | de_AT.UTF-8 → de-AT | de_AT@euro → de-AT | en_US_POSIX → en-US-POSIX | zh-Hans-CN |
    zh_Hant_TW → zh-Hant-TW | zh_TW_#Hant → zh-TW-Hant | "de-AT,de;q=0.9,en;q=0.8" → de-AT | en_US@rg=chzzzz → en-US |
    " de " → de | DE-at | es-419 | de-CH-1996-u-hc-h23-x-a | sr_Latn_RS → sr-Latn-RS | null → ∅ | "" → ∅ | German → − | C → − | * → − |
    7 → − | ["de"] → − | en_GB! → −`,
  ),
  ...shapes('category', `bug | " Bug report " → Bug report | "" → ∅ | null → ∅ | 7 → −`),
  ...shapes('type', `problem | null → ∅ | "" → ∅ | complaint → −`),
  ...shapes('priority', `high | null → ∅ | "" → ∅ | Critical → −`),
  ...shapes(
    'tags.0',
    `bug | " bug " → bug | "needs review" → needs_review | größe/2 | null → ∅ | "" → ∅ | #bug → − | 7 → − | a@example.com → −`,
  ),
  ...shapes('tags', `null → ∅ | bug → − | {} → −`),
  ...shapes('context', `null → ∅ | "" → ∅ | [] → − | iPhone → − | {}`),
  ...shapes(
    'context.device',
    `iPhone | "iPhone " → iPhone | 15 | true | null → ∅ | "" → ∅ | "a\\u0007b" → a b | {"os":1} → − | ["a"] → −`,
  ),
  ...shapes('customFields.0', `{"id":1,"value":"a"} | {"id":1,"value":null} → − | {"id":"x","value":1} → − | null → ∅`),
  ...shapes(
    'attachments.0.contentType',
    `image/png | image/jpg → image/jpeg | image/pjpeg → image/jpeg | image/x-png → image/png | audio/mp3 → audio/mpeg |
    application/x-zip-compressed → application/zip | application/x-zip → application/zip | application/x-pdf → application/pdf |
    application/csv → text/csv | text/x-csv → text/csv | text/json → application/json | IMAGE/PNG → image/png |
    text/plain;charset=UTF-8 → text/plain; charset=utf-8 | text/csv; header=present → text/csv | "" → ∅ | null → ∅ | png → − |
    "a/b\\r\\nX: y" → −`,
  ),
  ...shapes('attachments.0.name', `screen.png | " a.png " → a.png | "a\\nb.png" → a b.png | null → ∅ | "" → ∅ | 7 → −`),
  ...shapes('attachments.0.size', `1 | null → ∅ | -1 → − | big → −`),
  ...shapes('attachments.0.key', `null → ✗ | "" → ✗ | "jobs/_attachments/feedback/a\\n" → ✗`),
  ...shapes('attachments', `null → ✗ | a.png → ✗`),
  ...shapes('confirmation', `true | null → ✗ | "" → ✗ | no → ✗`),
  ...shapes('unknown', `1 → ✗ | null → ✗`),
] satisfies Shape[];

const OPTIONS = [
  ...shapes(
    'notBefore',
    `2026-01-03T03:04:05Z | 2026-01-03T03:04:05+01:00 | 2026-01-03T03:04:05+0100 → 2026-01-03T03:04:05+01:00 |
    2026-01-03T03:04:05-08 → 2026-01-03T03:04:05-08:00 | "2026-01-03 03:04:05 +0100" → 2026-01-03T03:04:05+01:00 |
    2026-01-03t03:04:05z → 2026-01-03T03:04:05Z | 2026-01-03T03:04:05.678901+05:45 | 2026-01-03T03:04:05,5Z → 2026-01-03T03:04:05.5Z |
    2026-01-03T03:04Z → 2026-01-03T03:04:00Z | "2026-01-03 03:04:05 UTC" → 2026-01-03T03:04:05Z | 2026-01-03T03:04:05 → ✗ | 2026-01-03 → ✗ | 1767409445 → ✗ |
    null → ✗ | "" → ✗ | 2026-02-30T00:00:00Z → ✗ | tomorrow → ✗`,
  ),
  ['notBefore', new Date('2026-01-03T03:04:05Z'), { value: '2026-01-03T03:04:05.000Z' }],
  ...shapes(
    'correlationId',
    `request-7 | null → ∅ | "" → ∅ | Root=1-67891233-abcdef012345678912345678 → − | user@example.com → − | 491511234567 → −`,
  ),
  ...shapes(
    'traceparent',
    `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 |
    00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01 → 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 |
    null → ∅ | "" → ∅ | none → −`,
  ),
  ...shapes('key', `null → ✗ | "" → ✗ | "a\\n" → ✗`),
  ...shapes('principal', `null → ✗ | "" → ✗`),
] satisfies Shape[];

const FILE = { key: 'jobs/_attachments/feedback/1', name: 'n', contentType: 'a/b' };
const BASE = { user: { email: 'user@example.com' }, subject: 'It works', message: 'Well done.' };

/** A copy of the value with another one at the path. `undefined`: without it. */
function at(value: unknown, [key = '', ...rest]: string[], to: unknown): unknown {
  const before = (value ?? (key === '0' ? [] : {})) as Record<string, unknown>;
  const next = rest.length > 0 ? at(before[key], rest, to) : to;
  if (Array.isArray(before)) return next === undefined ? [] : [next];
  const { [key]: _, ...others } = before;
  return next === undefined ? others : { ...others, [key]: next };
}
const having = (path: string, input: unknown): unknown => {
  const parts = path.split('.');
  return at(path.startsWith('attachments.0') ? { ...BASE, attachments: [FILE] } : BASE, parts, input);
};
/** What a field that was left out is called. */
const named = (path: string): string => path.replace('context.device', 'context.*');
const title = ([path, input]: Shape) => `${path} = ${JSON.stringify(input)}`;

const expectedData = ([path, , use]: Shape) => having(path, 'value' in use ? use.value : undefined);

test('the corpus has 200 inputs and more, each once', () => {
  const titles = [...FEEDBACK, ...OPTIONS].map(title);
  expect(new Set(titles).size).toBeGreaterThanOrEqual(200);
  expect(titles).toHaveLength(new Set(titles).size);
});

test.each(FEEDBACK.map((shape) => [title(shape), shape] as const))(
  'the producer takes %s as a user expects',
  async (_, shape) => {
    const [path, input, use] = shape;
    const { producer, objects, events, rows } = memoryProducerDeps();
    await objects.put(FILE.key, 'x', 'a/b');

    const answer = await producer.feedback(having(path, input) as never).catch((error: InvalidJobError) => error);

    if (answer instanceof Error) {
      expect([use, answer.name]).toEqual([USES['✗'], 'InvalidJobError']);
      expect(answer.problems.map(({ field }) => path.startsWith(field) || field.startsWith(path))).not.toContain(false);
      return;
    }
    const left = use === USES['−'] ? [named(path)] : undefined;
    expect(events()[0]?.data).toEqual({ ...(expectedData(shape) as object), confirmation: true });
    expect([answer.warnings?.map(({ field }) => field), rows()[0]?.warnings]).toEqual([left, left]);
  },
);

test.each(FEEDBACK.map((shape) => [title(shape), shape] as const))(
  'a worker takes %s as a user expects',
  async (_, shape) => {
    const [path, input, use] = shape;
    const taken: unknown[] = [];
    const type = messageType({ schema: feedbackSchema, process: async ({ data }) => void taken.push(data) });
    const engine = memoryEngine(() => ({ queue: 'feedback', types: { 'feedback.submitted.v1': type } }));

    await engine.sendAndDeliver(envelope(1, { type: 'feedback.submitted.v1', data: having(path, input) }));

    const refused = { state: 'dead', error: { code: 'InvalidField' } };
    const left = use === USES['−'] ? [`data.${named(path)}`.slice('data.'.length)] : undefined;
    expect(engine.rows()).toMatchObject([use === USES['✗'] ? refused : { state: 'succeeded' }]);
    expect(engine.rows()[0]?.warnings).toEqual(left);
    if (taken.length > 0) expect(taken).toEqual([{ ...(expectedData(shape) as object), confirmation: true }]);
  },
);

test.each(OPTIONS.map((shape) => [title(shape), shape] as const))(
  'the option %s is taken as a user expects',
  async (_, [name, input, use]) => {
    const { producer, rows } = memoryProducerDeps();

    const answer = await producer.feedback(BASE, { [name]: input } as never).catch((error: InvalidJobError) => error);

    if (answer instanceof Error) {
      expect([use, answer.problems[0]?.field]).toEqual([USES['✗'], `options.${name}`]);
      return;
    }
    const left = use === USES['−'] ? [`options.${name}`] : undefined;
    const stored = (rows()[0] as unknown as Record<string, unknown>)[name];
    const used = 'value' in use ? use.value : undefined;
    expect(stored).toBe(name === 'notBefore' ? Date.parse(String(used)) : used);
    expect(answer.warnings?.map(({ field }) => field)).toEqual(left);
  },
);

const RECIPIENTS = [...ADDRESSES, ...NAMES].map(([path, input, use]): Shape => [path.replace('user.', ''), input, use]);
const check = recipientCheck({ from: { email: 'news@example.com' }, templateId: `d-${'0'.repeat(32)}` });

async function only(reads: AsyncIterable<Read>): Promise<unknown> {
  for await (const read of reads) return 'value' in read ? read.value : read;
  return undefined;
}

test.each(RECIPIENTS.map((shape) => [title(shape), shape] as const))(
  'a list takes the %s as a user expects',
  async (_, [path, input, use]) => {
    const recipient = { email: 'user@example.com', [path]: input };
    const quoted = (text: unknown) => `"${String(text).replaceAll('"', '""')}"`;
    // A row of CSV is one line of text.
    const isText = typeof input === 'string' && !/[\r\n\0\ud800-\udfff]/.test(input);
    const csv = `email,name\n${quoted(recipient.email)},${quoted((recipient as { name?: string }).name ?? '')}`;
    const reads = [fromNdjson(JSON.stringify(recipient)), ...(isText ? [fromCsv(csv)] : [])];

    for (const value of [recipient, ...(await Promise.all(reads.map(only)))]) {
      const { email = 'user@example.com', name } = Object.fromEntries(
        'value' in use ? [[path, use.value]] : [],
      ) as Record<string, string>;
      const expected =
        use === USES['✗']
          ? { reason: expect.stringMatching(/^email: must /) }
          : { recipient: { email, ...(name && { name }) } };
      expect(check(value)).toMatchObject(expected);
    }
  },
);

test('text counts in characters: 40,000 Cyrillic letters are a message, and one more is not', () => {
  const taken = (length: number) => feedbackSchema.safeParse({ ...BASE, message: 'ы'.repeat(length) }).success;
  expect([taken(40_000), taken(40_001)]).toEqual([true, false]);
});

test('of too many tags and facts the first ones are kept, and the field is named', () => {
  const facts = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`k${n}`, n]));
  const many = { ...BASE, tags: Array.from({ length: 25 }, (_, n) => `t${n}`), context: facts };

  const { data, left } = normalise('feedback.submitted.v1', feedbackSchema, many);

  expect([data?.tags, Object.keys(data?.context ?? {})].map((each) => each?.length)).toEqual([20, 20]);
  expect(left?.map(({ path }) => path)).toEqual([['context'], ['tags']]);
});

test('of a list or a record with more than 100 wrong entries the whole goes, for a few copies', () => {
  const wrong = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`k${n}`, {}]));
  let copies = 0;
  // A copy of the record asks for its names.
  const ownKeys = (target: object) => {
    copies++;
    return Reflect.ownKeys(target);
  };
  const context = new Proxy(wrong, { ownKeys });

  const { data, left } = normalise('feedback.submitted.v1', feedbackSchema, { ...BASE, context });

  expect(data).toEqual({ ...BASE, confirmation: true });
  expect(left?.map(({ path }) => path)).toEqual([['context']]);
  expect(copies).toBeLessThan(10);
});

test('no unknown field, prototype or name of a caller is let in, also not inside a cosmetic field', () => {
  const of = (changes: object) => normalise('feedback.submitted.v1', feedbackSchema, { ...BASE, ...changes });
  const prototype = of({ context: JSON.parse('{"__proto__":{"a":1},"ok":1}') as object });

  expect(of({ customFields: [{ id: 1, value: 1, other: 1 }] }).issues).toHaveLength(1);
  expect(Object.getPrototypeOf(prototype.data?.context)).toBe(Object.prototype);
  expect(prototype.data?.context).toEqual({ ok: 1 });
});

test('whatever is taken has a form that is taken as it is, and no rule quotes a value', async () => {
  const good = {
    ...BASE,
    locale: 'de',
    tags: ['a'],
    context: { a: 'b' },
    category: 'c',
    priority: 'low',
    attachments: [FILE],
  };
  await fc.assert(
    fc.property(damaged(good), (input) => {
      const { data, left = [], issues = [] } = normalise('feedback.submitted.v1', feedbackSchema, input);
      expect(JSON.stringify(left.map((one) => [one.path, describeLeft(one)]))).not.toContain(MARK);
      if (data) expect(normalise('feedback.submitted.v1', feedbackSchema, data)).toEqual({ data, left: [] });
      else expect(issues.length).toBeGreaterThan(0);
    }),
    share(0.1),
  );
});

test('the page names each cosmetic field', () => {
  const text = pages().find(({ file }) => file === 'docs/wire-format.md')?.text ?? '';
  for (const field of Object.values(COSMETIC).flat()) expect(text).toContain(`\`${field}\``);
});

import { createLedger } from '../../../lib/engine/jobs/ledger';
import { hashesWith } from '../../../lib/engine/jobs/person-hash';
import { IdempotencyConflictError, InvalidJobError } from '../../../lib/engine/submit/errors';
import { campaigns } from '../../../lib/queues/emails/campaigns/campaign';
import { readContent, readManifest, readPart } from '../../../lib/queues/emails/manifest';
import type { CampaignInput, CampaignJob } from '../../../lib/queues/emails/message';
import { campaignKey } from '../../../lib/queues/emails/queue';
import type { RecipientSource } from '../../../packages/producer/campaign';
import { createProducer } from '../../../packages/producer/client';
import { damagedItem } from '../../support/damage';
import { memoryProducerDeps, type Wrap } from '../../support/producer';

const TEMPLATE = `d-${'0'.repeat(32)}`;
const bulk: CampaignInput = { from: { email: 'news@example.com', name: 'News' }, templateId: TEMPLATE };
const campaign: CampaignInput = { ...bulk, unsubscribe: { group: 1 } };
const BULK = 'unsubscribe: is required for bulk mail';
const NO_OFFSET = 'must be an ISO 8601 time with Z or an offset, e.g. 2026-01-02T03:04:05Z';
const NO_JSON = 'must be JSON that is not nested more than 8 deep';
const PLAIN =
  'data: must be text, numbers or booleans where there is no templateId, at most 10000 bytes with {{}} around each name';
const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `user-${n}@example.com` }));

const start = (wrap: Wrap = {}) => memoryProducerDeps({ emailRate: 20, ...wrap });

const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The job's reference to its manifest. */
const reference = (event: Record<string, unknown> | undefined) =>
  (event?.data as CampaignJob | undefined)?.manifest ?? { key: '', sha256: '' };

test('recipients are stored in chunks of at most half a second of the rate, and the job names the manifest', async () => {
  const { producer, deps, events } = start();

  const accepted = await producer.campaign(campaign, people(25));

  expect(accepted).toMatchObject({ requested: 25, recipients: 25, rejected: 0, duplicates: 0, chunks: 3 });
  const [event] = events();
  expect(event).toMatchObject({ id: accepted.id, type: 'email.campaign.v1' });
  expect(JSON.stringify(event)).not.toContain('@example.com');
  const manifest = await readManifest(deps, reference(event));
  const parts = await Promise.all([0, 1, 2].map((n) => readPart(deps, manifest, n)));
  expect(parts.map((part) => part.length)).toEqual([10, 10, 5]);
  expect(parts.flat()).toEqual(people(25));
  expect(await readContent(deps, manifest)).toEqual(campaign);
});

test('an invalid or repeated recipient goes to the rejected file with the reason, and the others are accepted', async () => {
  const { producer, objects } = start();
  const nested = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`) as object;
  const reasons: [object | null, string][] = [
    [{ email: 'nobody' }, 'email: must be a valid email'],
    [{ email: 'c@example.com', data: { text: 'x'.repeat(10_001) } }, 'data: must be at most 10000 bytes of JSON'],
    [{ email: 'd@example.com', data: [] }, 'data: must be an object'],
    [null, 'recipient: must be an object, is null'],
    ...[nested, { a: [5n] }, { a: Number.NaN }, { a: [1 / 0] }, { a: Symbol() }, { a: () => {} }].map(
      (data): [object, string] => [{ email: 'f@example.com', data }, `data: ${NO_JSON}`],
    ),
    [{ email: 'A@Example.com' }, 'email: is there already'],
  ];
  const recipients = [{ email: 'a@example.com' }, ...reasons.map(([recipient]) => recipient as { email: string })];

  await expect(producer.campaign(campaign, recipients)).rejects.toThrow('10 of 12 lines were rejected, more than');
  const accepted = await producer.campaign(campaign, recipients, { mostRejected: 100 });

  expect(accepted).toMatchObject({ requested: 12, recipients: 1, rejected: 10, duplicates: 1 });
  expect(accepted.rejections[0]).toEqual({ reason: `data: ${NO_JSON}`, count: 6, lines: [6, 7, 8, 9, 10, 11] });
  const rejected = accepted.rejectedKeys.flatMap((key) => lines(objects.text(key)));
  expect(rejected.map(({ line, reason }) => [line, reason])).toEqual(reasons.map(([, text], n) => [n + 2, text]));
});

test('of an export with more columns and names that cannot be used, the people are taken and the rest is counted', async () => {
  const { producer, events } = start();
  const list = people(20).map((person, n) => ({ ...person, name: [null, 7, ''][n] ?? 'A', id: n, __typename: 'User' }));

  const answer = await producer.campaign(campaign, [...list, null] as never);

  expect(answer).toMatchObject({ requested: 21, recipients: 20, rejected: 1, leftOut: 41 });
  expect(answer.rejections).toEqual([{ reason: 'recipient: must be an object, is null', count: 1, lines: [21] }]);
  expect(events()[0]?.data).not.toHaveProperty('rejections');
  await expect(producer.campaign(campaign, [...people(8), null] as never)).rejects.toThrow(
    '1 of 9 lines were rejected',
  );
  const tenth = [...people(9), null];
  await expect(producer.campaign(campaign, tenth as never)).resolves.toMatchObject({ rejected: 1 });
  const twice = [...people(7), ...people(7)];
  await expect(producer.campaign(campaign, twice)).resolves.toMatchObject({ rejected: 0, duplicates: 7 });
  await expect(producer.campaign(campaign, people(1), { mostRejected: 101 })).rejects.toThrow(
    'options.mostRejected: must',
  );
});

test('a start of half an hour ago is accepted, and a repeat of it finds its campaign two hours later', async () => {
  const { producer, clock, messages } = start();
  const late = { ...campaign, sendAt: '2026-01-02T02:34:05Z' };
  const { id } = await producer.campaign(late, people(1), { key: 'k', system: true });
  clock.advance(2 * 60 * 60_000);

  await expect(producer.campaign(late, people(1), { key: 'k', system: true })).resolves.toMatchObject({
    id,
    duplicate: true,
  });
  await expect(producer.campaign(late, people(1), { key: 'other', system: true })).rejects.toThrow(
    'at most an hour in the past',
  );
  expect(messages()).toHaveLength(1);
});

test('without a dynamic template the data must be plain values, and an unsubscribe link needs its values', async () => {
  const { producer, objects } = start();
  const unsubscribe = { link: 'https://example.com/leave?t={{token}}' };
  const many = Array.from({ length: 300 }, (_, n) => `${n}`);
  const html = `{{words|}}${many.map((name) => `{{${name}|}}`).join('')}`;
  const tokens = [
    { token: 'a' },
    { token: { nested: 1 } },
    { token: 'd', words: "'".repeat(2_100) },
    Object.fromEntries([['token', 'e'], ...many.map((name) => [name, 'x'.repeat(21)])]),
    { token: '\ud800' },
    { token: 'ü'.repeat(400) },
  ];
  const { rejectedKeys } = await producer.campaign(
    { from: campaign.from, subject: 'News', text: 'Hello', html, unsubscribe },
    tokens.map((data, n) => ({ email: `user-${n}@example.com`, data: data as Record<string, string> })),
    { mostRejected: 100 },
  );

  expect(lines(objects.text(rejectedKeys[0] ?? '')).map(({ reason }) => reason)).toEqual([
    ...Array(3).fill(PLAIN),
    'data.token: must be well-formed Unicode',
    'data: makes the unsubscribe link longer than 2000 characters',
  ]);
});

const letter = { from: campaign.from, unsubscribe: campaign.unsubscribe, subject: 'News', text: 'Hello' };
const NONE = { email: 'none@example.com' };
test.each<[string, object, string, RecipientSource]>([
  ['a name', { text: 'Hi {{name}}' }, 'line 2 {{name}}', [{ ...NONE, name: 'A' }, { email: 'b@example.com' }]],
  [
    'a name that is not blank',
    { subject: 'Hi {{ Name }}' },
    'line 1 {{Name}}',
    [{ ...NONE, data: { name: ' \u200b' } }],
  ],
  ['a cell of its row', { html: '<b>{{city}}</b>' }, 'line 3 {{city}}', { csv: 'email,city\na@b.de,Ulm\nc@d.de,\n' }],
  ['a part of the link', { unsubscribe: { link: 'https://a.de/{{token}}' } }, 'line 1 {{token}}', [NONE]],
  ['a word', { subject: '{{of}} of {{n}}' }, '1 line has none', [{ ...NONE, data: { n: 1 } }]],
  ['an own value', { text: 'Hi {{constructor}}' }, 'line 1 {{constructor}}', [{ ...NONE, data: {} }]],
  [
    'a key of the template',
    { ...campaign, ...bulk, templateKeys: ['items'], text: undefined, subject: undefined },
    'line 1 {{items}}',
    [{ ...NONE, data: { items: null } }],
  ],
  [
    'a name in a list of many',
    { text: 'Hi {{name}}' },
    `need a value for each placeholder without a fallback. 25 lines have none: line 1 {{name}}, ${[2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => `line ${n} {{name}}`).join(', ')}, …`,
    people(25),
  ],
])('a list with a recipient who lacks %s is refused', async (_, changes, message, source) => {
  const { producer, messages, rows, objects } = start();

  const refused = producer.campaign({ ...letter, ...changes }, source);

  await expect(refused).rejects.toMatchObject({
    constructor: InvalidJobError,
    problems: [{ field: 'recipients', message: expect.stringContaining(message) }],
  });
  expect([messages(), rows(), objects.keys()]).toEqual([[], [], []]);
});

test('a preview shows each recipient’s mail as it will read, counts as the acceptance does, and stores nothing', async () => {
  const { producer, messages, rows, objects } = start();
  const html = '<b>{{name|You}}</b>';
  const content = { ...letter, subject: 'For {{ Name | you }}', html, unsubscribe: { link: 'https://a.de/{{n}}' } };
  const list = [1, 2, 3].map((n) => ({ email: `a${n}@b.de`, data: { n }, ...(n === 2 && { name: '<A> "B"' }) }));
  const noBody = [...list, { email: 'nobody' }, { email: 'A1@b.de', data: { n: 9 } }];

  const preview = await producer.previewCampaign(content, noBody);
  const third = await producer.previewCampaign(content, noBody, { numbers: [3] });

  expect(preview).toMatchObject({ requested: 5, recipients: 3, rejected: 1, duplicates: 1 });
  expect(preview.mails).toEqual([
    { recipient: list[0], subject: 'For you', text: 'Hello', html: '<b>You</b>', unsubscribe: 'https://a.de/1' },
    {
      ...{ recipient: list[1], subject: 'For <A> "B"', text: 'Hello', html: '<b> A   B </b>' },
      unsubscribe: 'https://a.de/2',
    },
    expect.objectContaining({ recipient: list[2], unsubscribe: 'https://a.de/3' }),
  ]);
  expect(third.mails).toEqual(preview.mails.slice(2));
  const template = { ...campaign, templateKeys: ['name'] };
  const { mails } = await producer.previewCampaign(template, [{ email: 'a@b.de', name: 'A' }]);
  expect(mails).toMatchObject([
    { templateId: TEMPLATE, data: { name: 'A' }, note: expect.stringContaining('SendGrid fills in') },
  ]);
  const refusals: [Partial<CampaignInput>, RecipientSource, object, string][] = [
    [{ text: 'Hi {{name}}' }, noBody, {}, '3 lines have none: line 1 {{name}}, line 3 {{name}}, line 5 {{name}}'],
    [{ unsubscribe: undefined }, noBody, {}, BULK],
    [{}, noBody, { numbers: [4] }, 'numbers.0: must be at most 3'],
    [{}, { key: 'jobs/_attachments/emails/none.csv' }, {}, 'recipients.key: there is no such object'],
  ];
  for (const [changes, source, options, why] of refusals)
    await expect(
      producer.previewCampaign({ ...content, ...changes } as CampaignInput, source, options),
    ).rejects.toThrow(why);
  expect([messages(), rows(), objects.keys()]).toEqual([[], [], []]);
});

test.each<[string, object, string, RecipientSource?]>([
  ['no sender', { from: undefined }, 'from: must be an object'],
  ['a template id without d-', { templateId: '0'.repeat(32) }, 'templateId: must be a dynamic template id (d-…)'],
  ['neither template nor text', { templateId: undefined }, 'subject: is required without a templateId; text: is req'],
  ['bulk mail without an unsubscribe', { unsubscribe: undefined }, BULK],
  ['bulk mail that says so', { unsubscribe: undefined, transactional: false }, BULK],
  ['a word for transactional', { transactional: 'yes' }, 'transactional: must be a boolean'],
  ['an unsubscribe that misspells its field', { unsubscribe: { grup: 1 } }, 'unsubscribe: must have group, '],
  ['the unsubscribe group 0', { unsubscribe: { group: 0 } }, 'unsubscribe.group: must be more than 0'],
  ['HTML without a text part', { ...letter, templateId: undefined, text: undefined, html: '<p>' }, 'text: is required'],
  [
    'half a placeholder',
    { ...letter, templateId: undefined, html: '{{name}}, {{name}' },
    'html: has {{ that begins no',
  ],
  [
    'a placeholder beside a template',
    { subject: 'Hi {{name}}' },
    'subject: cannot have placeholders beside a templateId',
  ],
  [
    'keys without a template',
    { ...letter, templateId: undefined, templateKeys: ['a'] },
    'templateKeys: need a templateId',
  ],
  ...['https://a.de/?t={token}', 'https://a.de/', 'https://a.de/{{token|all}}', 'http://a.de/{{token}}'].map(
    (link): [string, object, string] => [`the link ${link}`, { unsubscribe: { link } }, 'unsubscribe.link: must '],
  ),
  ['a start in 31 days', { sendAt: '2026-02-02T03:04:05Z' }, 'sendAt: must be at most 30 days ahead'],
  ['a start of last year', { sendAt: '2025-01-02T03:04:05Z' }, 'sendAt: must be at most an hour in the past'],
  ['a time without an offset', { sendAt: '2026-01-02T03:04:05' }, `sendAt: ${NO_OFFSET}`],
  ['nobody', {}, 'recipients: must have at least 1 recipient', []],
  ['no valid recipient', {}, 'at least 1 valid recipient, but 1 are invalid', [{ email: 'nobody' }]],
  ['a list elsewhere', {}, "recipients.key: must be under the attachments' prefix", { key: 'jobs/_data/emails/a.csv' }],
  ['a missing list', {}, 'recipients.key: there is no such object', { key: 'jobs/_attachments/emails/none.csv' }],
  ...[null, 7, 'people', {}, { key: 1 }, { csv: 5 }, { ndjson: null }].map(
    (odd): [string, object, string, RecipientSource] => [
      ...([JSON.stringify(odd), {}, 'recipients: must be a list, or an object with csv, ndjson or key'] as const),
      odd as never,
    ],
  ),
])('a campaign with %s is refused and nothing is stored', async (...[, changes, message, source = people(1)]) => {
  const { producer, messages, rows, objects } = start();

  const refused = producer.campaign({ ...campaign, ...changes }, source);

  await expect(refused).rejects.toMatchObject({
    constructor: InvalidJobError,
    message: expect.stringContaining(message),
  });
  const stored = objects.keys().filter((key) => !key.includes('rejected'));
  expect([messages(), rows(), stored]).toEqual([[], [], []]);
});

test('a repeated key finds its campaign, also after the rate was changed, and conflicts with another one, also without its row', async () => {
  const memory = memoryProducerDeps({ emailRate: 200 });
  const { id, chunks } = await memory.producer.campaign(campaign, people(12), { key: 'spring', principal: 'client-1' });
  const { data } = memory.events()[0] as { data: CampaignJob };
  const time = memory.deps.clock.now();
  await campaigns(memory.deps).start({ ...data, id, source: '/api', time, startsAt: time });
  const before = memory.objects.keys();

  const after = createProducer({ ...memory.deps, emailRate: 20 });
  const again = await after.campaign(campaign, people(12), { key: 'spring', principal: 'client-1' });

  expect(again).toMatchObject({ id, chunks, duplicate: true });
  expect(memory.objects.keys()).toEqual(before);
  await memory.table.delete(`emails#${id}`, memory.table.item(`emails#${id}`)?.version ?? 0);
  const other = after.campaign(campaign, people(13), { key: 'spring', principal: 'client-1' });
  await expect(other).rejects.toThrow(IdempotencyConflictError);
});

test('one mail to one person is a job in its own message group, with plain data only without a template', async () => {
  const { producer, messages } = start();
  const input = { from: campaign.from, to: { email: 'user@example.com' }, subject: 'S', text: 'T', data: { a: [] } };

  const { id } = await producer.email({ ...bulk, to: { email: 'user@example.com' }, data: { code: '1' } });
  await expect(producer.email({ ...input, data: { a: 5n } })).rejects.toThrow(`data: ${NO_JSON}`);
  await expect(producer.email(input)).rejects.toThrow(PLAIN);
  const hi = { ...input, data: {}, text: 'Hi {{name}} of {{city|your town}}' };
  const problems = [{ field: 'data.name', message: 'data.name: must have a value, because {{name}} has no fallback' }];
  await expect(producer.email(hi)).rejects.toMatchObject({ problems });
  await producer.email({ ...hi, to: { ...hi.to, name: 'A User' } });

  expect(messages()).toMatchObject([{ groupId: id }, {}]);
});

test.each(['pause', 'resume', 'cancel', 'report'] as const)('%s refuses what is no id', async (ask) => {
  const { producer } = start();

  for (const id of ['x'.repeat(3_000), '', undefined])
    await expect(producer.campaigns[ask](id as string)).rejects.toMatchObject({
      name: 'InvalidJobError',
      problems: [{ field: 'id' }],
    });
});

test('transactional mail needs no unsubscribe. Nothing stored says that it is', async () => {
  const { producer, deps, events } = start();

  await producer.campaign({ ...bulk, transactional: true }, people(3));

  const manifest = await readManifest(deps, reference(events()[0]));
  expect(await readContent(deps, manifest)).toEqual(bulk);
  expect(JSON.stringify(events())).not.toContain('transactional');
});

test('the same content goes to the same list once a day, in any order and under any key, unless the call says again', async () => {
  const { producer, clock, messages, table } = start();
  const first = await producer.campaign(campaign, people(25), { key: 'k', system: true });

  const reordered = people(25).toReversed();
  await expect(producer.campaign(campaign, reordered)).rejects.toMatchObject({
    name: 'RepeatedCampaignError',
    id: first.id,
  });
  await expect(producer.campaign(campaign, people(25), { key: 'l', system: true })).rejects.toThrow('again: true');
  const repeat = producer.campaign(campaign, people(25), { key: 'k', system: true });
  await expect(repeat).resolves.toMatchObject({ id: first.id, duplicate: true });
  await producer.campaign(campaign, people(24));
  await producer.campaign({ ...campaign, templateId: `d-${'1'.repeat(32)}` }, people(25));
  const again = await producer.campaign(campaign, people(25), { again: true });
  await expect(producer.campaign(campaign, people(25))).rejects.toMatchObject({ id: again.id });
  await expect(producer.campaign(campaign, people(25), { again: 'no' as never })).rejects.toThrow('options.again');
  clock.advance(24 * 60 * 60_000 - 1);
  await expect(producer.campaign(campaign, people(25))).rejects.toMatchObject({ id: again.id });
  clock.advance(1);
  await producer.campaign(campaign, people(25));
  expect(messages()).toHaveLength(5);
  expect(JSON.stringify(table.items())).not.toContain('@');
});

test('a list is known also after the key of the hashes has changed', async () => {
  const { deps, messages } = start();
  const [first, second] = ['first', 'second'].map((key) => key.padEnd(32, '.')) as [string, string];
  const after = (...keys: [string, ...string[]]) =>
    createProducer({ ...deps, hashPeople: async () => hashesWith(keys) }).campaign(campaign, people(2));
  const { id } = await after(first);

  await expect(after(second, first)).rejects.toMatchObject({ name: 'RepeatedCampaignError', id });

  expect(messages()).toHaveLength(1);
});

const started = async ({ deps, events }: ReturnType<typeof start>, id: string) => {
  const { data } = events()[0] as { data: CampaignJob };
  await campaigns(deps).start({ ...data, id, source: '/api', time: deps.clock.now(), startsAt: deps.clock.now() });
};
const damaged: Stop = async (memory, id) => {
  await started(memory, id);
  await damagedItem(memory.table, campaignKey(id), ({ history: _gone, ...rest }) => rest);
};
type Stop = (memory: ReturnType<typeof start>, id: string) => Promise<unknown>;
test.each<[string, boolean, Stop]>([
  ['runs', true, started],
  ['was cancelled', false, (memory, id) => started(memory, id).then(() => memory.producer.campaigns.cancel(id))],
  ['was stopped', false, (memory, id) => started(memory, id).then(() => campaigns(memory.deps).pause(id, 'Bounces'))],
  ['runs, and is damaged', true, damaged],
  ['was planned', true, async () => {}],
  ['was planned and cancelled', false, ({ producer }, id) => producer.jobs.cancel(id, { system: true })],
])('a campaign that %s blocks another one: %s', async (what, blocks, act) => {
  const memory = start();
  const notBefore = what.includes('planned') ? '2026-01-03T00:00:00Z' : undefined;
  const { id } = await memory.producer.campaign(campaign, people(2), { notBefore });
  await act(memory, id);

  const second = memory.producer.campaign(campaign, people(2));

  if (blocks) await expect(second).rejects.toMatchObject({ id });
  else await expect(second).resolves.toMatchObject({ duplicate: false });
});

/** A producer in another process, which does `before` before each of its calls to the table, the bucket and the queue. */
function processOf(memory: ReturnType<typeof start>, before: () => Promise<void>) {
  const port = <T extends object>(of: T): T =>
    new Proxy(of, {
      get: (_, name) => {
        if (name !== 'put' && name !== 'get' && name !== 'send') return Reflect.get(of, name);
        return async (...given: unknown[]) => {
          await before();
          return Reflect.apply(Reflect.get(of, name) as () => unknown, of, given);
        };
      },
    });
  const table = port(memory.table);
  const ledger = createLedger({ ...memory.deps, table });
  return createProducer({
    ...{ ...memory.deps, table, ledger },
    ...{ objects: port(memory.objects), queues: port(memory.deps.queues) },
  });
}

/** The campaigns that a worker would send. */
const live = ({ rows, events }: ReturnType<typeof start>) => {
  const sent = new Set(events().map(({ id }) => id));
  return rows().filter(({ state, type, id }) => type !== undefined && state === 'queued' && sent.has(id));
};

/** Stops a process before its call number `at`, for as long as another one needs. */
function pause(at: number) {
  let calls = 0;
  let stops = () => {};
  let goOn = () => {};
  const reached = new Promise<void>((resolve) => {
    stops = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const before = async () => {
    if (calls++ !== at) return;
    stops();
    await gate;
  };
  return { before, reached, goOn };
}

test('of two calls that stall before any of their calls one is sent, and no third one', async () => {
  let [ran, stalled] = [0, true];
  for (let first = 0; stalled; first++) {
    let secondStalled = true;
    for (let second = 0; secondStalled; second++) {
      const memory = start();
      const pauses = [pause(first), pause(second)] as const;
      const call = ({ before }: ReturnType<typeof pause>) =>
        processOf(memory, before)
          .campaign(campaign, people(2))
          .then(
            ({ id }) => id,
            (error: { name: string; id: string }) => [error.name, error.id],
          );
      const one = call(pauses[0]);
      stalled = (await Promise.race([one, pauses[0].reached])) === undefined;
      const other = call(pauses[1]);
      secondStalled = (await Promise.race([other, pauses[1].reached])) === undefined;
      pauses[0].goOn();
      await one;
      pauses[1].goOn();
      const answers = [await one, await other];

      const [only, ...more] = live(memory);
      expect([first, second, only?.id, more.length]).toEqual([first, second, expect.any(String), 0]);
      for (const answer of answers.filter(Array.isArray)) expect(answer).toEqual(['RepeatedCampaignError', only?.id]);
      memory.clock.advance(60_000);
      await expect(memory.producer.campaign(campaign, people(2))).rejects.toMatchObject({ id: only?.id });
      ran++;
    }
  }
  expect(ran).toBeGreaterThan(50);
});

test('of two calls at once one is sent, and one that crashes before each of its calls blocks none', async () => {
  const { producer, messages } = start();
  const both = await Promise.allSettled([1, 2].map(() => producer.campaign(campaign, people(2))));
  expect([both.map(({ status }) => status).toSorted(), messages().length]).toEqual([['fulfilled', 'rejected'], 1]);

  for (let left = 0; ; left++) {
    const memory = start();
    let calls = 0;
    const dies = new Error('the process is gone');
    const mortal = processOf(memory, async () => {
      if (calls++ >= left) throw dies;
    });
    const died = await mortal.campaign(campaign, people(2)).then(
      () => false,
      (error: unknown) => error === dies,
    );
    const sent = memory.messages().length;

    const second = await memory.producer.campaign(campaign, people(2)).catch(() => undefined);

    // One message is sent, or the job of the other one is cancelled.
    const queued = memory.rows().filter(({ state, type }) => type !== undefined && state === 'queued');
    expect([queued.length, second !== undefined]).toEqual([1, died]);
    expect(queued[0]?.id === second?.id || sent === 1).toBe(true);
    if (!died) break;
  }
});

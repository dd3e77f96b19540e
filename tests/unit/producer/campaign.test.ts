import { campaigns } from '../../../lib/emails/campaigns/campaign';
import { readContent, readManifest, readPart } from '../../../lib/emails/manifest';
import type { CampaignInput, CampaignJob } from '../../../lib/emails/message';
import { IdempotencyConflictError, InvalidJobError } from '../../../lib/submit/errors';
import type { RecipientSource } from '../../../packages/producer/campaign';
import { createProducer } from '../../../packages/producer/client';
import { withFaults } from '../../support/faults';
import { memoryProducerDeps } from '../../support/producer';

const TEMPLATE = `d-${'0'.repeat(32)}`;
const bulk: CampaignInput = { from: { email: 'news@example.com', name: 'News' }, templateId: TEMPLATE };
const campaign: CampaignInput = { ...bulk, unsubscribe: { group: 1 } };
const TOO_FAR = 'sendAt: must be at most 30 days ahead';
const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `user-${n}@example.com` }));

function start({ emailRate = 20, ...wrap }: Parameters<typeof memoryProducerDeps>[0] & { emailRate?: number } = {}) {
  const memory = memoryProducerDeps(wrap);
  return { ...memory, producer: createProducer({ ...memory.deps, emailRate }) };
}

const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The job's reference to its manifest. */
const reference = (event: Record<string, unknown> | undefined) =>
  (event?.data as CampaignJob | undefined)?.manifest ?? { key: '', sha256: '' };

async function problems(input: unknown, source: RecipientSource = people(1)): Promise<string> {
  const { producer, messages, rows } = start();
  const error = await producer.campaign(input as CampaignInput, source).catch((reason: unknown) => reason);
  expect([messages().length, rows().length]).toEqual([0, 0]);
  if (!(error instanceof InvalidJobError)) throw new Error('it was accepted', { cause: error });
  return error.message;
}

test('recipients are stored in chunks of at most half a second of the rate, and the job names the manifest', async () => {
  const { producer, deps, events } = start({ emailRate: 20 });

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

test('an address gets one mail per campaign in upper or lower case, and a repeat goes to the rejected file', async () => {
  const { producer, objects } = start({ emailRate: 0.2 });

  const accepted = await producer.campaign(campaign, [...people(5), { email: 'USER-1@Example.com' }]);

  expect(accepted).toMatchObject({ requested: 6, recipients: 5, rejected: 0, duplicates: 1 });
  expect(accepted.rejectedKeys.flatMap((key) => lines(objects.text(key)))).toEqual([
    { line: 6, email: 'USER-1@Example.com', reason: 'email: is there already' },
  ]);
});

test('an invalid recipient goes to the rejected file with the reason, and the others are accepted', async () => {
  const { producer, objects } = start();
  const nested = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`) as object;
  const reasons: [object | null, string][] = [
    [{ email: 'nobody' }, 'email: must be a valid email'],
    [{ email: 'b@example.com', name: 'B\r\nBcc: x' }, 'name: must not hold control characters or line breaks'],
    [{ email: 'c@example.com', data: { text: 'x'.repeat(10_001) } }, 'data: must be at most 10000 bytes of JSON'],
    [{ email: 'd@example.com', data: [] }, 'data: must be an object'],
    [{ email: 'e@example.com', nickname: 'e' }, 'recipient.nickname: must be left out, because there is no such field'],
    [null, 'recipient: must be an object, is null'],
    [{ email: 'f@example.com', data: nested }, 'data: must not be nested more than 8 deep'],
  ];
  const recipients = [{ email: 'a@example.com' }, ...reasons.map(([recipient]) => recipient as { email: string })];

  const accepted = await producer.campaign(campaign, recipients);

  expect(accepted).toMatchObject({ requested: 8, recipients: 1, rejected: 7 });
  const rejected = accepted.rejectedKeys.flatMap((key) => lines(objects.text(key)));
  expect(rejected.map(({ line, reason }) => [line, reason])).toEqual(reasons.map(([, text], n) => [n + 2, text]));
});

test('without a dynamic template the data must be plain values, and an unsubscribe link needs its values', async () => {
  const { producer, objects } = start();
  const { rejectedKeys } = await producer.campaign(
    {
      from: campaign.from,
      subject: 'News',
      text: 'Hello',
      unsubscribe: { link: 'https://example.com/leave?t={token}' },
    },
    [
      { email: 'a@example.com', data: { token: 'a' } },
      { email: 'b@example.com', data: { token: { nested: 1 } } },
      { email: 'c@example.com', data: { other: 'c' } },
      { email: 'd@example.com', data: { token: 'half a pair \ud800' } },
      { email: 'e@example.com', data: { token: 'ü'.repeat(400) } },
    ],
  );

  expect(lines(objects.text(rejectedKeys[0] ?? '')).map(({ reason }) => reason)).toEqual([
    'data: must be text, numbers or booleans where there is no templateId',
    'data.token: must be there, the unsubscribe link needs it',
    'data.token: must be well-formed Unicode',
    'data: makes the unsubscribe link longer than 2000 characters',
  ]);
});

test("recipients may come from the bucket, but only under the attachments' prefix", async () => {
  const { producer, objects } = start();
  await objects.put('jobs/_attachments/emails/list.csv', 'email\na@example.com\n', 'text/csv');

  const accepted = await producer.campaign(campaign, { key: 'jobs/_attachments/emails/list.csv' });

  expect(accepted.recipients).toBe(1);
  const elsewhere = await problems(campaign, { key: 'jobs/_data/emails/list.csv' });
  expect(elsewhere).toBe("recipients.key: must be under the attachments' prefix");
  const missing = await problems(campaign, { key: 'jobs/_attachments/emails/none.csv' });
  expect(missing).toBe('recipients.key: there is no such object');
});

test.each<[string, unknown, string]>([
  ['no sender', { templateId: TEMPLATE }, 'from: must be an object'],
  [
    'a template id without d-',
    { ...campaign, templateId: '0'.repeat(32) },
    'templateId: must be a dynamic template id (d-…)',
  ],
  [
    'neither template nor text',
    { from: campaign.from },
    'subject: is required without a templateId; text: this or html is required without a templateId',
  ],
  [
    'a name that forges a header',
    { ...campaign, from: { email: 'a@example.com', name: 'A\nBcc: b@example.com' } },
    'from.name: must not hold control characters or line breaks',
  ],
  [
    'eleven categories',
    { ...campaign, categories: Array.from({ length: 11 }, (_, n) => `c${n}`) },
    'categories: must be at most 10 entries',
  ],
  ['a category twice', { ...campaign, categories: ['a', 'a'] }, 'categories: must not repeat a category'],
])('a campaign with %s is refused and nothing is stored', async (_, input, message) => {
  expect(await problems(input)).toContain(message);
});

test('a campaign may start 30 days ahead, and one that would start later is refused and leaves nothing behind', async () => {
  const { producer, deps, objects, rows } = start();
  const day = 24 * 3_600_000;
  const inDays = (days: number) => new Date(deps.clock.now() + days * day).toISOString();

  const late = producer.campaign({ ...campaign, sendAt: inDays(31) }, people(1));

  await expect(late).rejects.toThrow(new InvalidJobError([{ field: 'sendAt', message: TOO_FAR }]));
  expect([objects.keys(), rows()]).toEqual([[], []]);
  expect(await producer.campaign({ ...campaign, sendAt: inDays(30) }, people(1))).toMatchObject({ recipients: 1 });
});

test('a campaign without a valid recipient is refused', async () => {
  expect(await problems(campaign, [])).toBe('recipients: must have at least 1 recipient');
  expect(await problems(campaign, [{ email: 'nobody' }])).toBe(
    'recipients: must have at least 1 valid recipient, but 1 are invalid',
  );
});

test('a producer that dies before it wrote the manifest leaves nothing that could be sent', async () => {
  let puts = 0;
  const { producer, objects, rows, messages } = start({
    objects: (port) => withFaults(port, (method) => (method === 'put' && ++puts > 2 ? 'refused' : 'none')),
  });

  await expect(producer.campaign(campaign, people(25))).rejects.toMatchObject({ name: 'StoreError' });

  expect(objects.keys().some((key) => key.includes('manifest'))).toBe(false);
  expect([rows().length, messages().length]).toEqual([0, 0]);
});

test('the same key finds the same campaign, and with other recipients it is a conflict that changes nothing', async () => {
  const { producer, deps, events, objects } = start();
  const first = await producer.campaign(campaign, people(12), { key: 'spring', principal: 'client-1' });
  const before = objects.keys();

  const again = await producer.campaign(campaign, people(12), { key: 'spring', principal: 'client-1' });
  expect(again).toMatchObject({ id: first.id, duplicate: true });
  expect(objects.keys()).toEqual(before);
  await expect(producer.campaign(campaign, people(13), { key: 'spring', principal: 'client-1' })).rejects.toThrow(
    IdempotencyConflictError,
  );

  const manifest = await readManifest(deps, reference(events()[0]));
  expect((await readPart(deps, manifest, 1)).length).toBe(2);
});

test('a repeated key finds a started campaign even after the rate was changed', async () => {
  const memory = memoryProducerDeps();
  const before = createProducer({ ...memory.deps, emailRate: 200 });
  const { id, chunks } = await before.campaign(campaign, people(12), { key: 'spring', principal: 'client-1' });
  const { data } = memory.events()[0] as { data: CampaignJob };
  const time = memory.deps.clock.now();
  await campaigns(memory.deps).start({ ...data, id, source: '/api', time, startsAt: time });

  const after = createProducer({ ...memory.deps, emailRate: 20 });
  const again = await after.campaign(campaign, people(12), { key: 'spring', principal: 'client-1' });

  expect(again).toMatchObject({ id, chunks, duplicate: true });
});

describe('one mail to one person', () => {
  test('becomes a job in its own message group', async () => {
    const { producer, messages } = start();

    const { id } = await producer.email({ ...bulk, to: { email: 'user@example.com' }, data: { code: '1' } });

    expect(messages()).toMatchObject([{ groupId: id }]);
  });

  test('accepts only plain data without a template', async () => {
    const { producer } = start();
    const input = { from: campaign.from, to: { email: 'user@example.com' }, subject: 'S', text: 'T', data: { a: [] } };

    await expect(producer.email(input)).rejects.toThrow(
      'data: must be text, numbers or booleans where there is no templateId',
    );
  });
});

test.each([null, 7, 'people', {}, { key: 1 }, { csv: 5 }, { ndjson: null }])(
  'recipients that are %j are refused by their name',
  async (source) => {
    expect(await problems(bulk, source as never)).toBe(
      'recipients: must be a list, or an object with csv, ndjson or key',
    );
  },
);

test.each(['pause', 'resume', 'cancel', 'report'] as const)('%s refuses what is no id', async (ask) => {
  const { producer } = start();

  for (const id of ['x'.repeat(3_000), '', undefined])
    await expect(producer.campaigns[ask](id as string)).rejects.toMatchObject({
      name: 'InvalidJobError',
      problems: [{ field: 'id' }],
    });
});

describe('bulk mail without an unsubscribe', () => {
  test('is refused, and leaves nothing behind', async () => {
    expect(await problems(bulk)).toBe(
      'unsubscribe: is required for bulk mail. Mail that is not bulk mail says transactional: true',
    );
    expect(await problems({ ...bulk, transactional: false })).toContain('unsubscribe: is required');
    expect(await problems({ ...bulk, transactional: 'yes' })).toContain('transactional: must be a boolean');
  });

  test('is accepted as transactional mail. Nothing stored says so', async () => {
    const { producer, deps, events } = start();

    await producer.campaign({ ...bulk, transactional: true }, people(3));

    const manifest = await readManifest(deps, reference(events()[0]));
    expect(await readContent(deps, manifest)).toEqual(bulk);
    expect(JSON.stringify(events())).not.toContain('transactional');
  });
});

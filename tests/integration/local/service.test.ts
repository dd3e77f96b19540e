import { once } from 'node:events';
import http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { sha256 } from '../../../lib/engine/jobs/envelope';
import { recordKey } from '../../../lib/engine/jobs/keys';
import { killing, verified } from '../../../packages/local/demo';
import { LOCAL_APP } from '../../../packages/local/fakes/app-store-connect';
import { hashed } from '../../support/hash-people';
import { type WatchedService, watchedService } from '../../support/local-service';
import { command } from '../../support/operator';
import { openElsewhere } from '../../support/other-addresses';
import { localPackage } from '../../support/packages';

/** One service for all tests. Each has jobs of its own. */
let service: WatchedService;

beforeAll(async () => {
  service = await watchedService(await localPackage());
});
afterAll(() => service.stop());

const feedback = (email = 'user@example.com') => ({ user: { email }, subject: 'Hello', message: 'It works' });
const ticketCall = { method: 'POST', path: '/api/v2/tickets' };

const ticketsOf = (id: unknown) => service.zendesk.tickets.filter(({ external_id }) => external_id === id);
const mailsOf = (id: unknown) => service.sendgrid.mails.filter(({ customArgs }) => customArgs.job === id);
const queued = () => service.sqs.messages('local-feedback.fifo');

test('feedback becomes a ticket, a mail, a row and a record in S3', async () => {
  const answer = await fetch(`${service.endpoints.api}/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(feedback()),
  });
  const { id } = (await answer.json()) as { id: string };
  const job = await service.recorded(id);

  expect(answer.status).toBe(202);
  expect(job).toMatchObject({
    state: 'succeeded',
    attempts: 1,
    steps: { ticket: { status: 'done' }, confirmation: { status: 'done' } },
  });
  expect(ticketsOf(id)).toMatchObject([{ subject: 'Hello', description: 'It works' }]);
  expect(mailsOf(id)).toMatchObject([{ to: ['user@example.com'] }]);
  expect(service.bridge.events).toContainEqual(
    expect.objectContaining({
      source: 'jobs.local',
      'detail-type': 'Job Ended',
      detail: expect.objectContaining({ id: `${id}:1:succeeded`, final: true }),
    }),
  );
  const record = await service.ports.objects.get(recordKey('jobs', job));
  expect(JSON.parse(Buffer.from(record ?? '').toString())).toMatchObject({ id, state: 'succeeded', attempts: 1 });
  await service.until('the message to be deleted', () => queued().length === 0);
  expect(await verified(service)).toEqual([]);
});

test('a worker killed after the ticket or during the mail makes one of each, and an event resolves the unknown step', async () => {
  const { zendesk, sendgrid, producer } = service;
  const killed = (email: string) => ({ ...killing(service, 'feedback', email), after: 'hang' as const });
  const failed = () => service.invocations.filter(({ result }) => result.kind === 'failed').length;
  const before = failed();
  zendesk.fail({ ...ticketCall, ...killed('between@example.com') });
  sendgrid.fail({ path: '/v3/mail/send', ...killed('mailing@example.com') });

  const { id: between } = await producer.feedback(feedback('between@example.com'));
  const { id: mailing } = await producer.feedback(feedback('mailing@example.com'));

  expect((await service.recorded(between)).steps).toMatchObject({ confirmation: { status: 'done' } });
  const { result } = await service.until('the event about the mail', async () => {
    const job = await service.recorded(mailing);
    return job.steps.confirmation?.status === 'done' && job;
  });
  expect(result).toMatchObject({ confirmation: 'sent' });
  expect([between, mailing].map((id) => [ticketsOf(id).length, mailsOf(id).length])).toEqual([
    [1, 1],
    [1, 1],
  ]);
  expect(failed()).toBe(before + 2);
});

test('a job that a vendor refuses permanently is in the DLQ with the reason and is reported, and its user appears only as a keyed hash', async () => {
  const { id } = await service.producer.feedback(feedback('refused@example.com'));
  await service.recorded(id);
  const deadLetters = await service.until('the DLQ entry', async () => {
    const found = service.deadLetters();
    return found.length > 0 && found;
  });
  const shown = JSON.stringify(await service.producer.jobs.get(id));
  const message = await service.until('the message in the chat', async () =>
    service.discord.messages.flatMap(({ embeds }) => embeds).find(({ title }) => title?.includes('Jobs are dead')),
  );

  expect(message.fields).toContainEqual({ name: 'Details', value: `1 job, job ${id}, code ZendeskRejected` });
  expect(JSON.parse(shown)).toMatchObject({ state: 'dead', reason: 'error', error: { code: 'ZendeskRejected' } });
  const logs = service.invocations.flatMap(({ log }) => log).join('\n');
  const person = 'feedback:email:refused@example.com';
  const [keyed] = hashed(person);
  const attributes = deadLetters.map((entry) => entry.attributes);
  const text = (StringValue?: string) => ({ StringValue });
  const why = { reason: text('error'), code: text('ZendeskRejected'), attempts: text('1') };
  expect(attributes).toMatchObject([{ job: text(id), group: text(keyed), ...why }]);
  expect(logs).not.toContain(keyed);
  const everything = [shown, JSON.stringify(attributes), logs].join('\n');
  expect(everything).not.toContain('refused@');
  expect(everything).not.toContain(sha256(person).slice(0, 32));
});

test('a person in every kind of job is found and erased, and no item, object or message still holds them', async () => {
  const { ports, config, declared, deployment, producer, sqs, zendesk } = service;
  const [email, user] = ['ann@example.com', 'user-of-ann'];
  const mail = { from: { email: 'news@example.com' }, subject: 'Hi', text: 'Hi' };
  // One job is dead, with a body and an entry in the DLQ.
  zendesk.fail({ ...ticketCall, bodyContains: email, status: 422, body: { details: { description: [] } } });
  const jobs = [
    await producer.feedback({ user: { id: user, email }, subject: 'Hello', message: 'It works' }),
    await producer.email({ ...mail, to: { email } }),
    await producer.invite({ app: LOCAL_APP.id, groups: [LOCAL_APP.group], email }),
  ];
  const campaign = await producer.campaign({ ...mail, transactional: true }, [{ email }, { email: 'bob@example.com' }]);
  await producer.track({ id: 'e-1', name: 'opened', time: new Date().toISOString(), user });
  await producer.flush();
  for (const { id } of jobs) await service.recorded(id);
  await service.recorded(campaign.id);
  await service.until('the campaign', async () => (await producer.campaigns.report(campaign.id)).status === 'ended');
  await service.until('the events', () => sqs.messages('local-analytics.fifo').length === 0);
  /** Where the service stores one of these words. */
  const holding = async (...words: string[]) => {
    const { Items = [] } = await ports.clients.dynamodb.send(new ScanCommand({ TableName: config.TABLE }));
    const keys = await ports.objects.list('');
    const bytes = await Promise.all(keys.map(async (key) => Buffer.from((await ports.objects.get(key)) ?? [])));
    const all: [string, string][] = [
      ...Items.map((item): [string, string] => [String(item.key?.S), JSON.stringify(item)]),
      ...bytes.map((one, n): [string, string] => [
        keys[n] ?? '',
        String(keys[n]?.endsWith('.gz') ? gunzipSync(one) : one),
      ]),
      ...declared.queues.map(({ name }): [string, string] => [name, JSON.stringify(sqs.messages(name))]),
    ];
    return all.filter(([, text]) => words.some((word) => text.includes(word))).map(([where]) => where);
  };
  const before = await holding(email, user);

  const { lines } = await command({ deps: deployment }, 'privacy find', { email, user });
  const { json } = await command({ deps: { ...deployment, source: {} } }, 'privacy erase', { email, user, yes: true });
  await service.run('reconciler');

  const places = lines.map((line) => (JSON.parse(line) as { place: string }).place);
  expect([...new Set(places)].sort()).toEqual(['bodies', 'events', 'lists', 'records', 'rows']);
  expect(json).toMatchObject({ erased: { rows: 3, lists: 1, events: 1 }, left: [] });
  expect(before).toContain('local-feedback-dlq.fifo');
  expect(await holding(email, user)).toEqual([]);
  expect(await holding('bob@example.com')).not.toEqual([]);
  const headers = { 'x-console': '1' };
  const shown = await fetch(`${service.endpoints.api}/console/api/job?id=${jobs[0]?.id}`, { headers });
  expect(await shown.text()).toContain('An operator erased what it was about');
});

test('nothing listens on an address other than 127.0.0.1', async () => {
  const urls = [service.endpoints.api, ...Object.values(service.endpoints)].map((url) => new URL(url));

  expect(new Set(urls.map(({ hostname }) => hostname))).toEqual(new Set(['127.0.0.1']));
  for (const { port } of urls) expect(await openElsewhere(port)).toEqual([]);
});

test('no endpoint answers a page of another site, or under a name that an attacker chose', async () => {
  const asked = Object.entries(service.endpoints).flatMap(([name, url]) =>
    ['GET', 'POST', 'PUT', 'OPTIONS'].flatMap((method) =>
      [{ host: 'evil.example' }, { origin: 'https://evil.example' }].map((headers) => ({ name, url, method, headers })),
    ),
  );

  const statuses = await Promise.all(
    asked.map(async ({ name, url, ...options }) => {
      const request = http.request(url, options).end();
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.resume();
      return `${name}: ${response.statusCode}`;
    }),
  );

  expect(Object.keys(service.endpoints)).toEqual(expect.arrayContaining(['s3', 'dynamodb', 'sqs', 'aws', 'api']));
  expect(new Set(statuses)).toEqual(new Set(Object.keys(service.endpoints).map((name) => `${name}: 403`)));
});

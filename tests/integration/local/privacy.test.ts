import { randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { feedbackPerson } from '../../../lib/feedback/message';
import { personOf } from '../../../lib/jobs/person-hash';
import { LOCAL_APP } from '../../../packages/local/fakes/app-store-connect';
import { type WatchedService, watchedService } from '../../support/local-service';
import { command } from '../../support/operator';
import { localPackage } from '../../support/packages';

const ANN = { email: 'ann@example.com', user: 'user-of-ann' };
const BOB = { email: 'bob@example.com', user: 'user-of-bob' };
const MAIL = { from: { email: 'news@example.com' }, subject: 'Hi', text: 'Hi' };

let service: WatchedService;
beforeAll(async () => {
  service = await watchedService(await localPackage());
});
afterAll(() => service.stop());

/** A person's feedback, mail, invitation and event. Resolves to the ids of the jobs. */
async function use({ email, user }: typeof ANN): Promise<string[]> {
  const { producer } = service;
  const jobs = [
    await producer.feedback({ user: { id: user, email }, subject: 'Hello', message: 'It works' }),
    await producer.email({ ...MAIL, to: { email } }),
    await producer.invite({ app: LOCAL_APP.id, groups: [LOCAL_APP.group], email }),
  ];
  await producer.track({ id: randomUUID(), name: 'opened', time: new Date().toISOString(), user });
  return jobs.map(({ id }) => id);
}

/** The keys of all items and objects, and the names of all queues, with what each holds. */
async function everything(): Promise<[where: string, text: string][]> {
  const { ports, config, declared, sqs } = service;
  const { Items = [] } = await ports.clients.dynamodb.send(new ScanCommand({ TableName: config.TABLE }));
  const objects = (await ports.objects.list('')).map(async (key): Promise<[string, string]> => {
    const bytes = Buffer.from((await ports.objects.get(key)) ?? []);
    return [key, (key.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()];
  });
  return [
    ...Items.map((item): [string, string] => [String(item.key?.S), JSON.stringify(item)]),
    ...(await Promise.all(objects)),
    ...declared.queues.map(({ name }): [string, string] => [name, JSON.stringify(sqs.messages(name))]),
  ];
}

test('a person in every kind of job is found and erased, and nothing of another person changes', async () => {
  const { deployment, producer, zendesk, sqs } = service;
  // One job is dead, with a body and an entry in the DLQ.
  zendesk.fail({ method: 'POST', path: '/api/v2/tickets', bodyContains: ANN.email, status: 422 });
  const [of, ofBob] = [await use(ANN), await use(BOB)];
  const campaign = await producer.campaign({ ...MAIL, transactional: true }, [
    { email: ANN.email },
    { email: BOB.email },
  ]);
  await producer.flush();
  for (const id of [...of, ...ofBob]) await service.recorded(id);
  await service.until('the campaign', async () => (await producer.campaigns.report(campaign.id))?.status === 'ended');
  await service.until('the events', () => sqs.messages('local-analytics.fifo').length === 0);
  const hashes = await deployment.hashPeople();
  const hashed = [personOf(ANN.email), feedbackPerson({ user: { id: ANN.user, email: '' } })].flatMap(hashes);
  const holding = async (...words: string[]) =>
    (await everything()).filter(([, text]) => words.some((word) => text.includes(word))).map(([where]) => where);
  const before = { ann: await holding(ANN.email, ANN.user), bob: await holding(BOB.email, BOB.user) };
  const rows = await Promise.all(ofBob.map(service.job));

  const { lines } = await command({ deps: deployment }, 'privacy find', ANN);
  const { json } = await command({ deps: { ...deployment, source: {} } }, 'privacy erase', { ...ANN, yes: true });
  await service.run('reconciler');

  const places = lines.map((line) => (JSON.parse(line) as { place: string }).place);
  expect([...new Set(places)].sort()).toEqual(['bodies', 'events', 'lists', 'records', 'rows']);
  expect(json).toMatchObject({ erased: { rows: 3, lists: 1, events: 1 }, left: [] });
  expect(before.ann).toContain('local-feedback-dlq.fifo');
  expect(await holding(ANN.email, ANN.user)).toEqual([]);
  expect((await holding(...hashed)).filter((key) => !key.startsWith('subject#'))).toEqual([]);
  expect(await holding(BOB.email, BOB.user)).toEqual(before.bob);
  expect(await Promise.all(ofBob.map(service.job))).toEqual(rows);
  for (const id of of) {
    expect((await command({ deps: deployment }, 'jobs show', { id })).lines.join('\n')).toContain('erased');
    const shown = await fetch(`${service.endpoints.api}/console/api/job?id=${id}`, { headers: { 'x-console': '1' } });
    expect(await shown.text()).toContain('An operator erased what it was about');
  }
});

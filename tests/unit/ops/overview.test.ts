import { StopError, WaitError } from '../../../lib/errors';
import { factsKey } from '../../../lib/jobs/keys';
import { overview } from '../../../lib/ops/overview';
import { memoryDeployment } from '../../support/deployment';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { rejects, sampleContract } from '../../support/sample-contract';

/** Job 1 succeeded, 2 is dead, 3 throttled, 4 stopped, 5 and 6 wait in the queue. */
async function someJobs() {
  const { contract } = sampleContract(({ id }) => {
    if (id === jobId(2)) rejects();
    if (id === jobId(3))
      throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 300_000 });
    if (id === jobId(4)) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
  });
  // The queue of the feedback jobs, whose worker calls Zendesk.
  const engine = memoryEngine(() => ({ ...contract, queue: 'feedback' }));
  for (const n of [1, 2, 3, 4]) engine.send(envelope(n));
  await engine.deliver();
  for (const n of [5, 6]) engine.send(envelope(n));
  return { engine, ...memoryDeployment(engine) };
}

test('the overview counts what waits in a queue, what is held and for what, and what is dead', async () => {
  const { deployment } = await someJobs();

  const { queues } = await overview(deployment);

  // The one that drew a 429 waits for the same vendor.
  const held = { 'zendesk stopped': { count: 2, more: false } };
  expect(queues).toMatchObject([{ queue: 'feedback', visible: 2, inFlight: 0, dead: 1, receives: true, held }]);
  expect(queues[0]?.pause).toBeUndefined();
});

test('the overview shows circuits, the last run of the reconciler, and the alarms and facts of this instance', async () => {
  const { engine, deployment, alarms } = await someJobs();
  alarms.push({ name: 'my-feedback-oldest-message', since: 1 }, { name: 'my-other-feedback-oldest-message', since: 3 });
  await engine.reconcile();
  const { version = 0 } = engine.table.item(factsKey) ?? {};
  const fact = { kind: 'jobs-dead', subject: 'feedback', code: 'Rejected', since: 2, sent: true };
  const facts = { one: fact, two: { ...fact, code: 'Quiet', quiet: true } };
  await engine.table.put({ key: factsKey, version: version + 1, writer: 'w', facts }, version);

  const found = await overview(deployment);

  expect(found.vendors).toMatchObject([
    { vendor: 'zendesk', circuit: 'open', code: 'AgreementMissing', since: engine.clock.now() },
    { vendor: 'sendgrid', circuit: 'closed' },
  ]);
  expect(found.reconciledAt).toBe(engine.clock.now());
  expect(found.alarms.map(({ kind, title, subject, since }) => [kind, title, subject, since])).toEqual([
    ['jobs-dead', 'Jobs are dead', 'feedback', 2],
    ['oldest-message', 'A message has waited for a long time', 'feedback', 1],
  ]);
});

test('a count stops at a thousand and says that there are more', async () => {
  const { deployment } = await someJobs();
  const count = jest.fn(async (_todo: string, { most = 0 }: { since: number; most?: number }) => most);

  const [queue] = (await overview({ ...deployment, table: { ...deployment.table, count } })).queues;

  expect(queue?.held['until a time']).toEqual({ count: 1_000, more: true });
});

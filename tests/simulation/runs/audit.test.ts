import { recordKey } from '../../../lib/jobs/keys';
import { parkedMessage } from '../../../lib/jobs/park';
import { auditAgrees } from '../promises/audit-agrees';
import { jobs, type Scenario, scenario } from '../scenarios/scenario';
import { deadLetterQueue, urlOf } from '../world/names';

const [GOOD, REFUSED] = [0, 1];

/** Manual changes to a service's data, by what an audit finds then. */
const TAMPERED: Record<string, (run: Scenario) => Promise<unknown>> = {
  'record-missing': ({ world, row }) => world.stores.objects.delete(recordKey('jobs', row(GOOD))),
  'record-disagrees': ({ world, row }) =>
    world.stores.objects.put(recordKey('jobs', row(GOOD)), '{"state":"dead"}', 'application/json'),
  'record-orphaned': ({ world, row }) =>
    world.stores.objects.put(recordKey('jobs', { ...row(GOOD), id: 'no-row' }), '{}', 'application/json'),
  'entry-missing': async ({ world: { stores, settings, queue } }) => {
    const dlq = urlOf(deadLetterQueue({ queue, settings }));
    for (const { receiptHandle } of await stores.queues.receive(dlq, { max: 1, visibilitySeconds: 30 }))
      await stores.queues.delete(dlq, receiptHandle);
  },
  'entry-stray': ({ world: { stores, settings, queue }, row }) => {
    const again = { ...parkedMessage(row(REFUSED), '{}', settings.type), deduplicationId: 'again' };
    return stores.queues.send(urlOf(deadLetterQueue({ queue, settings })), again);
  },
};

test.each(Object.entries(TAMPERED))('an audit of a simulated service finds %s', async (kind, tamper) => {
  const run = await scenario({ jobs: jobs('good', 'refused') });
  const before = await auditAgrees(run.world, []);

  await tamper(run);

  expect(before).toBeUndefined();
  expect(await auditAgrees(run.world, [])).toMatch(new RegExp(`^nothing lost: an audit finds ${kind} of `));
});

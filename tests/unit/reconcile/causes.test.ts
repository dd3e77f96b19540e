import { definitionOf } from '../../../lib/alarms/judge/definition';
import type { AlarmChange } from '../../../lib/alarms/notification';
import { queueAlarms } from '../../../lib/alarms/specs/queue';
import { PermanentError } from '../../../lib/errors';
import type { DlqExits } from '../../../lib/jobs/dlq-exits';
import { dlqKey } from '../../../lib/jobs/keys';
import { discard } from '../../../lib/ops/discard';
import { anEnvelope, INSTANCE, jobId, memoryEngine } from '../../support/engine';
import { queueRow } from '../../support/queue-row';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';

/** A queue whose n-th job dies of the n-th code, and the changes of alarms that the reconciler publishes. */
function queue(codes: string[], dlqDepth = 1) {
  const left = [...codes];
  const { contract } = sampleContract(() => {
    throw new PermanentError({ code: left.shift() ?? 'None', message: 'no', vendor: 'zendesk', status: 422 });
  });
  const engine = memoryEngine(() => contract);
  const published: AlarmChange[] = [];
  const row = { ...queueRow('feedback', { alarms: { dlqDepth } }), name: SAMPLE_QUEUE };
  const alarms = queueAlarms(row, { instance: INSTANCE, canaries: false });
  engine.deps.monitor = {
    ...{ instance: INSTANCE, account: '123456789012', region: 'us-east-1', topic: 't', runbook: '', judged: [] },
    functions: [],
    topics: { publish: async (_topic, { text }) => void published.push(JSON.parse(text) as AlarmChange) },
    dlqAlarm: () => alarms.find(({ kind }) => kind === 'dlq-depth'),
  };
  let sent = 0;
  return {
    engine,
    published,
    name: definitionOf(alarms[0] as (typeof alarms)[number], { instance: INSTANCE, runbook: '' }).name,
    causes: () => (engine.table.item(dlqKey(SAMPLE_QUEUE)) as DlqExits | undefined)?.causes,
    /** One more job dies, and the reconciler looks. */
    async dies(): Promise<void> {
      sent++;
      engine.send(JSON.stringify(anEnvelope({ id: jobId(sent) })), { group: `g${sent}` });
      await engine.deliver();
      engine.clock.advance(60_000);
      await engine.reconcile();
    },
  };
}

test('the table says how many jobs died of which code, with the first of them', async () => {
  const { dies, causes } = queue(['A', 'B', 'A', 'A', 'A']);

  for (let n = 0; n < 5; n++) await dies();

  expect(causes()).toEqual([
    { code: 'A', jobs: 4, first: [jobId(1), jobId(3), jobId(4)] },
    { code: 'B', jobs: 1, first: [jobId(2)] },
  ]);
});

test('the alarm fires again for a new cause while the old one is still there, and once only', async () => {
  const { dies, published, name } = queue(['A', 'A', 'B', 'B', 'C']);

  for (let n = 0; n < 5; n++) await dies();

  expect(published).toMatchObject([
    { AlarmName: name, NewStateValue: 'ALARM', OldStateValue: 'ALARM', NewStateReason: 'jobs died of B [3.0 (now)]' },
    { NewStateReason: 'jobs died of C [5.0 (now)]' },
  ]);
});

test('after the DLQ was empty, the same cause is new again, and CloudWatch tells the first one', async () => {
  const { dies, published, causes, engine } = queue(['A', 'A', 'B']);
  await dies();
  await discard(engine.deps, engine.row(jobId(1)));
  await engine.reconcile();
  const empty = causes();

  await dies();
  await dies();

  expect(empty).toEqual([]);
  expect(published).toMatchObject([{ NewStateReason: 'jobs died of B [2.0 (now)]' }]);
});

test('below the threshold no cause fires the alarm', async () => {
  const { dies, published } = queue(['A', 'B'], 3);

  await dies();
  await dies();

  expect(published).toEqual([]);
});

test('a cause that could not be told is told by the next run', async () => {
  const { dies, published, engine } = queue(['A', 'B']);
  await dies();
  const { monitor } = engine.deps;
  const publish = monitor?.topics.publish;
  if (monitor) monitor.topics.publish = () => Promise.reject(new Error('down'));

  await dies();
  if (monitor && publish) monitor.topics.publish = publish;
  await engine.reconcile();

  expect(published).toMatchObject([{ NewStateReason: 'jobs died of B [2.0 (now)]' }]);
});

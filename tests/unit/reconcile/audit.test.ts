import { PermanentError } from '../../../lib/errors';
import { recordKey } from '../../../lib/jobs/keys';
import { retry } from '../../../lib/ops/retry';
import { type Audit, audit } from '../../../lib/reconcile/audit';
import { acceptedRow } from '../../support/accepted-row';
import { anEnvelope, type EngineOptions, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { inState } from '../../support/in-state';
import { sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The time of every job here. */
const TIME = Date.UTC(2026, 0, 2, 3, 4, 5);
const ALL = { queue: 'sample', from: TIME - HOUR, to: TIME + HOUR };

/** Jobs 1 and 2 have succeeded, 3 and 4 are dead, 5 is queued. Then ten minutes pass. */
async function someJobs(options: EngineOptions = {}) {
  const { contract } = sampleContract(({ id }) => {
    if ([jobId(3), jobId(4)].includes(id)) throw new PermanentError({ code: 'Rejected', message: 'rejected' });
  });
  const engine = memoryEngine(() => contract, options);
  for (const n of [1, 2, 3, 4]) engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })));
  await engine.deliver();
  const queued = { ...acceptedRow(engine.clock.now(), { id: jobId(5) }), sentAt: engine.clock.now() };
  await engine.deps.ledger.write(queued, 0);
  engine.clock.advance(10 * MINUTE);
  const key = (n: number) => recordKey(PREFIX, { queue: 'sample', time: TIME, id: jobId(n) });
  return { engine, key, look: (change = {}) => audit(engine.deps, { ...ALL, ...change }) };
}

const kinds = ({ differences }: Pick<Audit, 'differences'>) => differences.map(({ kind, id }) => `${kind} ${id}`);

test('an audit counts rows, records and DLQ entries that agree, and changes nothing', async () => {
  const { engine, look } = await someJobs();
  const before = engine.table.writes();

  const found = await look();

  expect(found).toEqual({
    queue: 'sample',
    from: Date.UTC(2026, 0, 2, 2),
    to: Date.UTC(2026, 0, 2, 4),
    records: { live: 1, ended: 4, records: 4, underWay: 0 },
    entries: { parked: 2, entries: 2, hidden: 0 },
    differences: [],
    repaired: [],
  });
  expect(engine.table.writes()).toBe(before);
  expect(await engine.deps.queues.depth(engine.deps.dlqUrl('sample'))).toEqual({ visible: 2, inFlight: 0 });
});

test('a missing record is found, and repaired from its row', async () => {
  const { engine, key, look } = await someJobs();
  const text = engine.objects.text(key(1));
  await engine.objects.delete(key(1));

  const found = await look();
  const repaired = await look({ repair: true });

  expect(found.differences).toEqual([{ kind: 'record-missing', id: jobId(1), key: key(1) }]);
  expect(repaired).toMatchObject({ differences: [], repaired: found.differences, records: { ended: 4, records: 4 } });
  expect(JSON.parse(engine.objects.text(key(1)))).toMatchObject({ ...JSON.parse(text), version: expect.any(Number) });
});

test('a record that is still being written is no difference', async () => {
  const { engine, key, look } = await someJobs();
  await engine.objects.delete(key(1));
  await engine.deps.ledger.update(`sample#${jobId(1)}`, ({ recordedAt: _recordedAt, ...row }) => ({
    ...row,
    endedAt: engine.clock.now() - 4 * MINUTE,
  }));

  const soon = await look();
  engine.clock.advance(MINUTE);
  const late = await look();

  expect(soon).toMatchObject({ differences: [], records: { ended: 4, records: 3, underWay: 1 } });
  expect(kinds(late)).toEqual([`record-missing ${jobId(1)}`]);
});

test.each([
  ['another state', { state: 'dead', reason: 'error' }, ['state', 'reason']],
  ['another end', { endedAt: '2026-01-02T03:00:00.000Z' }, ['endedAt']],
  ['another generation', { opened: 7 }, ['opened']],
  ['a version above its row’s', { version: 1_000 }, ['version']],
])('a record with %s disagrees, and is repaired from its row', async (_, change, fields) => {
  const { engine, key, look } = await someJobs();
  const text = JSON.stringify({ ...JSON.parse(engine.objects.text(key(2))), ...change });
  await engine.objects.put(key(2), text, 'application/json');

  const found = await look();
  const repaired = await look({ repair: true });

  expect(found.differences).toEqual([{ kind: 'record-disagrees', id: jobId(2), key: key(2), fields }]);
  expect(repaired).toMatchObject({ differences: [], repaired: found.differences });
  expect(JSON.parse(engine.objects.text(key(2)))).toMatchObject({ state: 'succeeded', opened: 1 });
});

test.each(['not json', '{"record":2}'])('a record with the text %s disagrees as a whole', async (text) => {
  const { engine, key, look } = await someJobs();
  await engine.objects.put(key(2), text, 'application/json');

  expect((await look()).differences).toMatchObject([{ kind: 'record-disagrees', fields: ['record'] }]);
});

test('a record without a row is named, and a repair does not make up a row', async () => {
  const { engine, key, look } = await someJobs();
  await engine.objects.put(key(9), engine.objects.text(key(1)), 'application/json');

  const found = await look({ repair: true });

  expect(found.differences).toEqual([{ kind: 'record-orphaned', id: jobId(9), key: key(9) }]);
  expect(found.repaired).toEqual([]);
  expect(engine.rows()).toHaveLength(5);
});

test('other objects in the partition are not taken for records', async () => {
  const { engine, key, look } = await someJobs();
  await engine.objects.put(key(9).replace('.json', '.ndjson.gz'), 'x', 'application/gzip');

  expect((await look()).differences).toEqual([]);
});

test('a reopened job is live, even if it has the record of its last end', async () => {
  const { engine, look } = await someJobs();
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({ ...row, state: inState('queued') }));

  expect(await look()).toMatchObject({ differences: [], records: { live: 2, ended: 3, records: 3 } });
});

test('a job that ends again during the audit is no difference', async () => {
  let meanwhile: (() => Promise<unknown>) | undefined;
  const { engine, key, look } = await someJobs({
    before: async (call) => {
      if (call !== 'objects.get' || !meanwhile) return;
      const now = meanwhile;
      meanwhile = undefined;
      await now();
    },
  });
  for (const n of [1, 2, 4]) await engine.objects.delete(key(n));
  for (const n of [1, 2, 4]) await engine.deps.table.delete(`sample#${jobId(n)}`, engine.row(jobId(n)).version);

  meanwhile = async () => {
    await retry(engine.deps, engine.row(jobId(3)));
    await engine.deliver();
  };
  const { records, differences } = await look();

  expect(records).toMatchObject({ ended: 1, records: 1 });
  expect(differences.filter(({ kind }) => kind.startsWith('record'))).toEqual([]);
});

test('a dead job whose entry was removed from the DLQ is found, and a repair sends the entry again', async () => {
  const { engine, look } = await someJobs();
  const url = engine.deps.dlqUrl('sample');
  const { Messages: [message] = [] } = engine.model.receiveMessage({
    QueueUrl: url,
    MaxNumberOfMessages: 1,
    MessageAttributeNames: ['All'],
  });
  engine.model.deleteMessage({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle });

  const found = await look();
  const repaired = await look({ repair: true });

  expect(kinds(found)).toEqual([`entry-missing ${message?.MessageAttributes?.job?.StringValue}`]);
  expect(found.entries).toEqual({ parked: 2, entries: 1, hidden: 0 });
  expect(repaired).toMatchObject({ differences: [], repaired: found.differences, entries: { parked: 2, entries: 2 } });
  expect(engine.deadLetters().every(({ attributes }) => attributes.code?.StringValue === 'Rejected')).toBe(true);
});

test('an entry that was never sent is missing once it is overdue', async () => {
  const { engine, look } = await someJobs();
  const forget = () =>
    engine.deps.ledger.update(`sample#${jobId(3)}`, ({ parkedAt: _parkedAt, ...row }) => ({
      ...row,
      parkedFrom: 'another',
    }));
  await forget();

  const found = await look();

  expect(kinds(found)).toEqual(expect.arrayContaining([`entry-missing ${jobId(3)}`, `entry-stray ${jobId(3)}`]));
});

test('an entry that another reader hides is not missing, and is not sent again', async () => {
  const { engine, look } = await someJobs();
  engine.model.receiveMessage({
    QueueUrl: engine.deps.dlqUrl('sample'),
    MaxNumberOfMessages: 1,
    VisibilityTimeout: 600,
  });

  const found = await look({ repair: true });

  expect(found.differences).toMatchObject([{ kind: 'entry-hidden' }]);
  expect(found.entries).toEqual({ parked: 2, entries: 1, hidden: 1 });
  expect(found.repaired).toEqual([]);
  expect(engine.deadLetters()).toHaveLength(2);
});

test('the entry of a job that is no longer dead is a stray until the reconciler has run', async () => {
  const { engine, look } = await someJobs();
  await engine.deps.ledger.update(`sample#${jobId(3)}`, (row) => ({ ...row, state: inState('queued') }));

  const found = await look();
  const repaired = await look({ repair: true });

  expect(kinds(found)).toEqual([`entry-stray ${jobId(3)}`]);
  expect(repaired).toMatchObject({ differences: [], entries: { parked: 1, entries: 1 } });
});

test('a second entry of one end is a stray, and a repair deletes it', async () => {
  const { engine, look } = await someJobs();
  const { parkedFrom: messageId = '' } = engine.row(jobId(3));
  const attributes = { job: jobId(3), code: 'Rejected', messageId };
  await engine.deps.queues.send(engine.deps.dlqUrl('sample'), {
    body: '{}',
    groupId: jobId(3),
    deduplicationId: 'again',
    attributes,
  });

  const found = await look();
  const repaired = await look({ repair: true });

  expect(kinds(found)).toEqual([`entry-stray ${jobId(3)}`]);
  expect(repaired).toMatchObject({ differences: [], entries: { parked: 2, entries: 2 } });
});

test('a job that is redriven during the audit of the DLQ is not missed there', async () => {
  let meanwhile: (() => Promise<unknown>) | undefined;
  const { engine, look } = await someJobs({
    before: async (call) => {
      if (call !== 'queues.depth' || !meanwhile) return;
      const now = meanwhile;
      meanwhile = undefined;
      await now();
    },
  });

  meanwhile = async () => {
    engine.clock.advance(15 * MINUTE - (engine.clock.now() % (15 * MINUTE)));
    await engine.deps.ledger.update(`sample#${jobId(3)}`, (row) => ({ ...row, state: inState('queued') }));
    await engine.reconcile();
  };
  const { entries, differences } = await look();

  expect(entries).toEqual({ parked: 1, entries: 1, hidden: 0 });
  expect(differences).toEqual([]);
});

test('a message that SQS moved is named by its id, and a repair judges it', async () => {
  const { engine, look } = await someJobs();
  // It was redriven once, so it still has the attributes of its entry.
  const attributes = { job: jobId(6), code: 'Rejected' };
  const messageId = engine.send(JSON.stringify(anEnvelope({ id: jobId(6) })), { attributes });
  for (let receive = 0; receive < 4; receive++) {
    engine.receive();
    engine.clock.advance(301_000);
  }

  const found = await look();
  const repaired = await look({ repair: true });

  expect(kinds(found)).toEqual([`entry-unjudged message ${messageId}`]);
  expect(repaired.differences).toEqual([]);
  expect(engine.inQueue()).toBe(1);
});

test('expired entries, and jobs that expired in their queue, are not expected in the DLQ', async () => {
  const { engine, look } = await someJobs();
  await engine.deps.ledger.update(`sample#${jobId(3)}`, ({ parkedAt: _parkedAt, recordedAt: _recordedAt, ...row }) => ({
    ...row,
    reason: 'expired',
  }));
  engine.clock.advance(14 * DAY);

  const { entries, differences } = await look();

  expect(entries).toEqual({ parked: 0, entries: 0, hidden: 0 });
  expect(differences.filter(({ kind }) => kind.startsWith('entry'))).toEqual([]);
});

test('an audit covers every hour of the range, and hours with more than a page of jobs', async () => {
  const { engine } = await someJobs();
  for (let n = 100; n < 2_300; n++) {
    const time = new Date(TIME + (n % 2) * HOUR).toISOString();
    await engine.deps.ledger.write(acceptedRow(engine.clock.now(), { id: jobId(n), time }), 0);
  }
  engine.clock.advance(HOUR);
  const hours: string[] = [];

  const first = await audit(engine.deps, { queue: 'sample', from: TIME, to: TIME + 1 });
  const both = await audit(engine.deps, {
    queue: 'sample',
    from: TIME,
    to: TIME + HOUR,
    onHour: (done, of) => hours.push(`${done}/${of}`),
  });

  expect(first.records.live).toBe(1_101);
  expect(both.records.live).toBe(2_201);
  expect(hours).toEqual(['1/2', '2/2']);
});

test.each([
  [{ from: TIME - 46 * DAY }, 'from must be within 45 days'],
  [{ to: TIME - HOUR }, 'to must be after from'],
])('a range that cannot be audited is refused: %j', async (range, says) => {
  const { look } = await someJobs();

  await expect(look(range)).rejects.toThrow(says);
});

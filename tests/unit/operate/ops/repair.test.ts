import { jobKey, recordKey } from '../../../../lib/engine/jobs/keys';
import type { Item } from '../../../../lib/platform/ports';
import type { Finding } from '../../../../packages/verify/check';
import { repair } from '../../../../packages/verify/instance';
import { damagedRow } from '../../../support/damage';
import { envelope, jobId, PREFIX } from '../../../support/engine';
import { rejects, sampleEngine } from '../../../support/sample-contract';

const [GOOD, DEAD] = [jobId(1), jobId(2)] as [string, string];
const MINUTE = 60_000;

/** One job has succeeded and one is dead. */
async function ended() {
  const { engine } = sampleEngine(({ id }) => {
    if (id === DEAD) rejects();
  });
  for (const n of [1, 2]) engine.send(envelope(n));
  await engine.deliver();
  engine.clock.advance(10 * MINUTE);
  const repaired = async (kind: Finding['kind'], id: string, hidden: string[] = []) => {
    const findings = [{ kind, id: jobKey('sample', id), what: '' }];
    const done = await repair(engine.deps, { findings, hidden });
    await engine.reconcileAfter(MINUTE);
    return done.length;
  };
  return { engine, repaired };
}

test.each(['end-without-record', 'record-differs'] as const)('%s: the reconciler rewrites the record', async (kind) => {
  const { engine, repaired } = await ended();
  const key = recordKey(PREFIX, engine.row(GOOD));
  const text = engine.objects.text(key);
  if (kind === 'record-differs') await engine.objects.put(key, '{}', 'application/json');
  else await engine.objects.delete(key);

  const done = await repaired(kind, GOOD);

  expect(done).toBe(1);
  expect(JSON.parse(engine.objects.text(key))).toEqual({ ...JSON.parse(text), version: expect.any(Number) });
});

test('dead-without-entry: the reconciler sends the entry again', async () => {
  const { engine, repaired } = await ended();
  const url = engine.deps.dlqUrl('sample');
  for (const { receiptHandle } of await engine.deps.queues.receive(url, { max: 1, visibilitySeconds: 60 }))
    await engine.deps.queues.delete(url, receiptHandle);

  const done = await repaired('dead-without-entry', DEAD);

  expect(done).toBe(1);
  expect(engine.deadLetters()).toMatchObject([{ attributes: { job: { StringValue: DEAD } } }]);
});

test('lost-job: the row gets its places in the indexes back', async () => {
  const { engine, repaired } = await ended();
  const { accepted, todo } = engine.row(DEAD);
  const stored = engine.table.items().find(({ id }) => id === DEAD) as Item;
  const { accepted: _accepted, todo: _todo, todoAt: _todoAt, ...item } = stored;
  await engine.table.put({ ...item, version: item.version + 1 }, item.version);

  await repaired('lost-job', DEAD);

  expect(engine.row(DEAD)).toMatchObject({ accepted, todo });
});

test('a damaged row is not repaired, and the findings after it are', async () => {
  const { engine } = await ended();
  await damagedRow(engine.table, jobKey('sample', DEAD), 'steps');
  const findings = [DEAD, GOOD].map((id) => ({ kind: 'lost-job' as const, id: jobKey('sample', id), what: '' }));

  const repaired = await repair(engine.deps, { findings, hidden: [] });

  expect(repaired).toEqual(findings.slice(1));
});

test('what the rows do not determine is not repaired, and nothing is while another reader hides DLQ entries', async () => {
  const { engine, repaired } = await ended();
  const before = engine.table.writes();

  const refused = /hides entries of the DLQ of sample\..* retry or discard its jobs first/;
  await expect(repaired('dead-without-entry', DEAD, ['sample'])).rejects.toThrow(refused);
  expect(engine.table.writes()).toBe(before);
  expect(await repaired('entry-without-row', DEAD)).toBe(0);
  expect(await repaired('end-without-record', jobId(9))).toBe(0);
});

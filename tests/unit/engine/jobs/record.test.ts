import { recordKey } from '../../../../lib/engine/jobs/keys';
import { putRecord, recordOf, rowOfRecord } from '../../../../lib/engine/jobs/record';
import { blankRow, type JobRow } from '../../../../lib/engine/jobs/row';
import { PermanentError } from '../../../../lib/platform/errors';
import type { Objects } from '../../../../lib/platform/ports';
import { envelope, jobId, PREFIX } from '../../../support/engine';
import { inState } from '../../../support/in-state';
import { sampleEngine } from '../../../support/sample-contract';

/** A job that is done. Its record is written, unless `unwritten`. */
async function start({ unwritten = false } = {}) {
  const { engine } = sampleEngine();
  await engine.sendAndDeliver(envelope());
  const row = engine.row(jobId(1));
  const key = recordKey(PREFIX, row);
  if (unwritten) await engine.objects.delete(key);
  const { ledger } = engine.deps;
  const put = (objects: Objects, of = row) => putRecord({ ledger, prefix: PREFIX, objects }, of);
  /** Stores a change of the row. */
  const change = async (changed: Partial<JobRow>) => {
    await ledger.update(row.key, (now) => ({ ...now, ...changed }));
    return engine.row(jobId(1));
  };
  return { engine, bucket: engine.objects, row, key, put, change, record: () => JSON.parse(engine.objects.text(key)) };
}

test.each([
  ['first', 'create', true],
  ['later', 'replace', false],
] as const)('the %s record that lands late replaces no newer one', async (_which, write, unwritten) => {
  const { bucket, put, change, record } = await start({ unwritten });
  const second = await change({ generation: 2 });
  const landings: (() => Promise<unknown>)[] = [];
  const late = (...object: unknown[]) =>
    new Promise(() => {
      landings.push(() => Reflect.apply(bucket[write], bucket, object));
    });
  void put({ ...bucket, [write]: late }, second);
  await new Promise(setImmediate);
  await put(bucket, await change({ generation: 3 }));

  for (const land of landings) await land();

  expect(landings).toHaveLength(1);
  expect(record()).toMatchObject({ generation: 3 });
});

test('a writer whose first write took effect without an answer leaves the record', async () => {
  const { engine, bucket, row, key, put } = await start({ unwritten: true });
  await bucket.create(key, recordOf(row), 'application/json');
  const replace = jest.fn(bucket.replace);

  await put({ ...bucket, replace }, engine.row(jobId(1)));

  expect(replace).not.toHaveBeenCalled();
});

test.each<[string, (given: Awaited<ReturnType<typeof start>>) => Promise<unknown>, object]>([
  ['is of the newest end, also from an earlier writer', ({ change }) => change({ generation: 2 }), { generation: 2 }],
  [
    'stays while the job is open again',
    ({ change }) => change({ state: inState('queued'), generation: 2 }),
    { state: 'succeeded', generation: 1 },
  ],
  ['is replaced if it is damaged', ({ bucket, key }) => bucket.put(key, '{"sta', 'text/plain'), { state: 'succeeded' }],
])('a record %s', async (_what, prepare, expected) => {
  const given = await start();
  await prepare(given);

  await given.put(given.bucket, given.row);

  expect(given.record()).toMatchObject(expected);
});

const AT = Date.parse('2026-01-02T03:04:05.000Z');
const row: JobRow = {
  ...blankRow({ queue: 'feedback', id: '1', time: AT, payloadHash: 'h', group: 'g', now: AT }),
  version: 7,
  state: inState('dead'),
  reason: 'error',
  endedAt: AT + 1000,
  lease: { token: 'token', until: AT, messageId: 'm' },
  steps: { upload: { status: 'done', startedAt: AT, endedAt: AT, confidential: ['upload-token'] } },
  history: [{ at: AT, event: 'dead (error)' }],
  spentMessageIds: ['m'],
};

test('a record has readable times, and no leases, tokens or index attributes', () => {
  const record = JSON.parse(recordOf({ ...row, todo: 'x', expiresAt: 1 })) as Record<string, unknown>;

  expect(record).toMatchObject({
    record: 1,
    version: 7,
    time: '2026-01-02T03:04:05.000Z',
    endedAt: '2026-01-02T03:04:06.000Z',
    history: [{ at: '2026-01-02T03:04:05.000Z' }],
  });
  for (const hidden of ['lease', 'writer', 'key', 'todo', 'expiresAt']) expect(record).not.toHaveProperty(hidden);
  expect(JSON.stringify(record)).not.toContain('token');
});

test('a text that is no record of ours makes no row', () => {
  expect(() => rowOfRecord('{"some":"thing"}', 'k')).toThrow('record: does not parse');
});

test('a success is published once, with its result, and is final', async () => {
  const { engine } = sampleEngine(() => ({ ticketId: '7' }), { events: true });

  await engine.sendAndDeliver(envelope(1, { correlationid: 'request-1' }));
  await engine.reconcile();

  const { firstStartedAt = 0, endedAt = 0, time } = engine.row(jobId(1));
  expect(engine.published).toEqual([
    {
      id: `${jobId(1)}:1:succeeded`,
      job: jobId(1),
      queue: 'sample',
      type: 'sample.done.v1',
      generation: 1,
      state: 'succeeded',
      final: true,
      result: { ticketId: '7' },
      correlationId: 'request-1',
      acceptedAt: new Date(time).toISOString(),
      startedAt: new Date(firstStartedAt).toISOString(),
      endedAt: new Date(endedAt).toISOString(),
    },
  ]);
});

test('a dead job is published with the code and field of its error, and is not final', async () => {
  const rejected = new PermanentError({ code: 'Rejected', message: 'planted text', field: 'data.subject' });
  const { engine } = sampleEngine(() => Promise.reject(rejected), { events: true });

  await engine.sendAndDeliver(envelope());

  const error = { code: 'Rejected', field: 'data.subject' };
  expect(engine.published).toMatchObject([
    { id: `${jobId(1)}:1:dead`, state: 'dead', reason: 'error', final: false, error },
  ]);
  expect(JSON.stringify(engine.published)).not.toContain('planted');
});

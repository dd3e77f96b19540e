import { gzipSync } from 'node:zlib';
import { bodyKey, jobKey, recordKey, verifiedKey } from '../../../lib/engine/jobs/keys';
import { realClock } from '../../../lib/platform/aws/system';
import { WaitError } from '../../../lib/platform/errors';
import type { Item } from '../../../lib/platform/ports';
import { PARQUET, rowOf, toParquet } from '../../../lib/queues/analytics/parquet';
import { CAMPAIGNS, campaignKey } from '../../../lib/queues/emails/queue';
import { startFakeZendesk } from '../../../packages/local/fakes/zendesk';
import { verifyYesterday } from '../../../packages/verify/instance';
import { verify } from '../../../packages/verify/verify';
import { anEvent } from '../../support/analytics';
import { startAws, TABLE } from '../../support/emulators';
import { envelope, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { command } from '../../support/operator';
import { PATIENCE_MS } from '../../support/patience.cjs';
import { rejects, sampleContract } from '../../support/sample-contract';

const QUEUE = 'feedback';
const [FIRST, SECOND, DEAD, HELD] = [1, 2, 3, 4].map(jobId) as [string, string, string, string];
const STRANGER = jobId(99);
const CAMPAIGN = jobId(50);
const SOURCE = '/my/api/00000000-0000-7000-8000-000000000000';
const HOUR = 'year=2026/month=01/day=02/hour=03/';
const DAY_MS = 86_400_000;
const KEY = verifiedKey(PREFIX, '2026-01-02');
const CLEAN = { day: '2026-01-02', complete: true, checked: 4, findings: {}, hidden: [] };

type Planted = Awaited<ReturnType<typeof service>>;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Runs real jobs, and serves what they stored by DynamoDB, S3 and SQS on loopback ports. */
async function service() {
  const engine = await ran();
  const bucket = 'verified-bucket';
  const { table, objects, clients, close } = await startAws({ bucket, model: engine.model });
  const zendesk = await startFakeZendesk({ email: 'agent@example.com', token: 'token' });
  closers.push(close, zendesk.close);
  const items = [...engine.table.items(), campaign(engine.clock.now())];
  for (const item of items) await table.put(item, 0);
  for (const key of engine.objects.keys()) await objects.put(key, engine.objects.text(key), 'application/json');

  const ticket = async (job: string) =>
    void zendesk.tickets.push({ id: zendesk.tickets.length + 1, external_id: job } as (typeof zendesk.tickets)[number]);
  await ticket(FIRST);
  const change = async (id: string, next: (row: Item) => object) => {
    const key = id === CAMPAIGN ? campaignKey(id) : jobKey(QUEUE, id);
    const row = (await table.get(key)) as Item;
    await table.put({ ...next(row), key } as Item, row.version);
  };
  const now = engine.clock.now();
  const source = {
    ...{ ...clients, table: TABLE, bucket, prefix: PREFIX, instance: 'my', now: () => now },
    queues: [{ name: QUEUE, records: QUEUE, fifo: true, retentionMs: 1_209_600_000, dlqRetentionMs: 1_209_600_000 }],
    zendesk: { endpoint: zendesk.url, authorization: zendesk.authorization },
  };
  const verified = () => verify(source, { from: Date.parse('2026-01-02T00:00:00.000Z'), to: now });
  const found = async () => (await verified()).findings;
  return { engine, objects, change, ticket, found, verified, source };
}

/** Two jobs succeed one after the other, one is dead and one is held. */
async function ran() {
  const { contract } = sampleContract(({ id }) => {
    if (id === DEAD) rejects();
    if (id === HELD) throw new WaitError({ code: 'Later', message: 'later', waitMs: 3_600_000 });
    return 'done';
  });
  const engine = memoryEngine(() => ({ ...contract, queue: QUEUE }));
  for (const [index, id] of [FIRST, SECOND, DEAD, HELD].entries()) {
    engine.send(envelope(index + 1), { group: index < 2 ? 'a' : id });
    await engine.deliver();
    engine.clock.advance(10_000);
  }
  engine.clock.advance(15 * 60_000);
  await engine.reconcile();
  return engine;
}

/** A campaign that has released nothing yet. */
const campaign = (now: number): Item => ({
  ...{ key: campaignKey(CAMPAIGN), version: 1, writer: 'w', id: CAMPAIGN, time: now, accepted: CAMPAIGNS },
  ...{ status: 'running', requested: 12, recipients: 10, duplicates: 1, rejected: 1, chunkSize: 4, chunks: 3 },
  ...{ released: 0, open: [], refusals: 0, history: [] },
});

const recordOf = ({ engine }: Planted, id: string) => recordKey(PREFIX, engine.row(id));

/** What breaks each promise, and the id of what is found. */
const PLANTED: Record<string, [id: unknown, plant: (planted: Planted) => Promise<unknown>]> = {
  'lost-job': [
    jobKey(QUEUE, HELD),
    ({ change }) => change(HELD, ({ todo: _todo, todoAt: _todoAt, accepted: _accepted, ...row }) => row),
  ],
  'effect-twice': [FIRST, ({ ticket }) => ticket(FIRST)],
  'end-without-record': [jobKey(QUEUE, FIRST), (planted) => planted.objects.delete(recordOf(planted, FIRST))],
  'record-differs': [
    jobKey(QUEUE, SECOND),
    (planted) => {
      const key = recordOf(planted, SECOND);
      const record = { ...JSON.parse(planted.engine.objects.text(key)), state: 'dead' };
      return planted.objects.put(key, JSON.stringify(record), 'application/json');
    },
  ],
  'entry-without-row': [
    expect.stringMatching(/^feedback message /),
    ({ engine }) => {
      const attributes = { job: STRANGER, code: 'Rejected', messageId: 'm' };
      return engine.deps.queues.send(engine.deps.dlqUrl(QUEUE), {
        ...{ body: '{}', groupId: STRANGER, deduplicationId: STRANGER, attributes },
      });
    },
  ],
  'dead-without-entry': [
    jobKey(QUEUE, DEAD),
    async ({ engine: { deps } }) => {
      const [entry] = await deps.queues.receive(deps.dlqUrl(QUEUE), { max: 1, visibilitySeconds: 60 });
      await deps.queues.delete(deps.dlqUrl(QUEUE), entry?.receiptHandle ?? '');
    },
  ],
  'order-broken': [
    jobKey(QUEUE, SECOND),
    ({ change }) => change(SECOND, (row) => ({ ...row, firstStartedAt: Number(row.firstStartedAt) - 60_000 })),
  ],
  'campaign-sum-wrong': [CAMPAIGN, ({ change }) => change(CAMPAIGN, (row) => ({ ...row, rejected: 0 }))],
  'message-missing': [
    SOURCE,
    async ({ objects }) => {
      const events = (sequence: number) => gzipSync(`${JSON.stringify({ source: SOURCE, sequence })}\n`.repeat(2));
      for (const n of [1, 3])
        await objects.put(`${PREFIX}/analytics-originals/${HOUR}${jobId(n)}.ndjson.gz`, events(n), 'application/gzip');
    },
  ],
  'orphan-body': [
    bodyKey(PREFIX, QUEUE, STRANGER),
    ({ objects }) => objects.put(bodyKey(PREFIX, QUEUE, STRANGER), '{}', 'application/json'),
  ],
  'state-unreachable': [
    jobKey(QUEUE, HELD),
    ({ change }) => change(HELD, ({ reason: _reason, ...row }) => ({ ...row, state: 'processing' })),
  ],
};

test('groups that are hidden are not taken for one, and the entry of a job that was just sent again is no finding', async () => {
  const { change, found, engine } = await service();
  for (const [id, ms] of [[FIRST, 0] as const, [SECOND, 60_000] as const])
    await change(id, (row) => ({ ...row, group: 'hidden', firstStartedAt: Number(row.firstStartedAt) - ms }));
  const { sentAt: _sentAt, ...dead } = engine.row(DEAD);
  await change(DEAD, () => ({ ...dead, state: 'queued', generation: 2, updatedAt: engine.clock.now() }));

  const kinds = (await found()).map(({ kind }) => kind);
  expect(kinds.filter((kind) => ['order-broken', 'entry-without-row'].includes(kind))).toEqual([]);
});

test('a job is not behind the others of its group if its message came in another one, or waited in the DLQ', async () => {
  const { change, found, engine } = await service();
  const early = (row: Item) => ({ ...row, firstStartedAt: Number(row.firstStartedAt) - 60_000 });
  const broken = async () => (await found()).some(({ kind }) => kind === 'order-broken');
  const [delivery] = engine.row(SECOND).deliveries;

  await change(SECOND, (row) => ({ ...early(row), deliveries: [{ ...delivery, otherGroup: true }] }));
  const inAnother = await broken();
  await change(SECOND, (row) => ({ ...row, deliveries: [delivery], history: [{ at: 1, event: 'returned untried' }] }));

  expect([inAnother, await broken()]).toEqual([false, false]);
});

test('the verifier finds nothing in what real jobs have left, and then exactly what was planted', async () => {
  const planted = await service();
  const { found } = planted;

  expect(await found()).toEqual([]);
  for (const [, plant] of Object.values(PLANTED)) await plant(planted);

  const expected = Object.entries(PLANTED).map(([kind, [id]]) => ({ kind, id, what: expect.any(String) }));
  expect(await found()).toEqual(expect.arrayContaining(expected));
  // It puts back every message that it reads, so it can read again at once.
  expect(await found()).toHaveLength(expected.length);
});

test('the verifier says of which DLQ another reader hides entries, and does not miss those', async () => {
  const { engine, verified, source } = await service();
  await engine.deps.queues.receive(engine.deps.dlqUrl(QUEUE), { max: 1, visibilitySeconds: 600 });

  expect(await verified()).toEqual({ checked: 4, findings: [], hidden: [QUEUE] });
  const { lines, exitCode } = await command({ deps: { source } }, 'verify');
  expect(lines).toEqual([expect.stringMatching(`^Not compared: DLQ entries of ${QUEUE}`), 'No findings.']);
  expect(exitCode).toBe(1);
});

test('a message is not missing while its events are in Parquet. A source that began in the hours lacks its first ones', async () => {
  const { objects, found } = await service();
  const at = new Date(0).toISOString();
  const row = (sequence: number) =>
    rowOf(
      JSON.stringify({
        ...anEvent(sequence, { time: at }),
        job: jobId(sequence),
        source: SOURCE,
        sequence,
        accepted: at,
      }),
    );
  const key = `${PREFIX}/analytics-events/${HOUR}part-0-of-1.parquet`;
  const missing = (id: string, what: string) => ({ kind: 'message-missing', id, what: expect.stringContaining(what) });

  await objects.put(key, toParquet([row(1), row(3)], []), PARQUET);
  expect(await found()).toEqual([missing(SOURCE, '2 to 2')]);
  await objects.put(key, toParquet([row(1), row(2), row(3)], []), PARQUET);
  expect(await found()).toEqual([]);
  const began = Date.parse('2026-01-02T03:00:00.000Z').toString(16).padStart(12, '0');
  const source = `/my/api/${began.slice(0, 8)}-${began.slice(8)}-7000-8000-000000000000`;
  const events = gzipSync(JSON.stringify({ source, sequence: 3 }));
  await objects.put(`${PREFIX}/analytics-originals/${HOUR}${jobId(1)}.ndjson.gz`, events, 'application/gzip');
  expect(await found()).toEqual([missing(source, 'its messages 1 to 2 are missing')]);
});

test('the numbers of another sender are not judged, so no source that is an address is logged', async () => {
  const { objects, found } = await service();
  const lines = [1, 4].map((sequence) => JSON.stringify({ source: 'jane@example.com', sequence }));
  await objects.put(
    `${PREFIX}/analytics-originals/${HOUR}${jobId(1)}.ndjson.gz`,
    gzipSync(lines.join('\n')),
    'application/gzip',
  );

  expect(await found()).toEqual([]);
});

test('once a day, what yesterday has is compared and counted. A difference is told once, and its end on a clean day', async () => {
  const { engine, objects, source } = await service();
  const { facts, clock, deps: all } = engine;
  clock.advance(DAY_MS);
  const topic = all.topic && { topic: { ...all.topic, overAfterMs: 0 } };
  const deps = { ...all, ...topic, objects, clock: { ...realClock, now: clock.now } };
  const run = (remainingMs: number) => verifyYesterday(deps, { ...source, now: clock.now }, { remainingMs });
  const stored = async () => JSON.parse(Buffer.from((await objects.get(KEY)) ?? '').toString());
  const key = bodyKey(PREFIX, QUEUE, STRANGER);
  const told = () =>
    facts.filter(({ fact }) => fact === 'data-differs').map(({ code, count, on }) => [code, count, on]);

  await objects.put(key, '{}', 'application/json');
  for (let times = 0; times < 2; times++) await run(PATIENCE_MS);
  expect(await stored()).toEqual({ ...CLEAN, findings: { 'orphan-body': 1 } });
  await objects.delete(key);
  await run(PATIENCE_MS);
  expect(await stored()).toEqual(CLEAN);
  await run(0);

  expect(await stored()).toEqual({ ...CLEAN, complete: false, checked: 0 });
  expect(told()).toEqual([
    ['orphan-body', 1, true],
    ['orphan-body', 1, false],
    ['Incomplete', 1, true],
  ]);
});

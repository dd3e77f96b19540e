import fc from 'fast-check';
import { endLease, leases, type RunLease, takeLease, updateItem, writeItem } from '../../../../lib/engine/jobs/items';
import { createLedger, createTrials } from '../../../../lib/engine/jobs/ledger';
import { blankRow, type JobRow } from '../../../../lib/engine/jobs/row';
import { withSchedule } from '../../../../lib/engine/jobs/schedule';
import type { JobError } from '../../../../lib/platform/errors';
import type { Item, Table } from '../../../../lib/platform/ports';
import { acceptedRow } from '../../../support/accepted-row';
import { type Fault, withFaults } from '../../../support/faults';
import { inState } from '../../../support/in-state';
import { memoryClock, memoryRandom } from '../../../support/memory-clock';
import { memoryTable } from '../../../support/memory-table';
import { openAccepted } from '../../../support/opening';
import { feedbackSettings } from '../../../support/producer';

function start(faults: Fault[] = []) {
  const stored = memoryTable();
  const table: Table = withFaults<Table>(stored, (method) => (method === 'put' ? (faults.shift() ?? 'none') : 'none'));
  return { stored, deps: { table, clock: memoryClock(), random: memoryRandom(), settings: () => feedbackSettings } };
}
const item = (changes: Record<string, unknown> = {}): Item => ({ key: 'k', version: 0, writer: '', ...changes });

test('a write whose answer was lost is recognised as written, and not mistaken for the write of another run', async () => {
  const { deps, stored } = start(['lost']);

  const result = await writeItem(deps, item({ value: 1 }), 0);

  expect(result.written).toBe(true);
  expect(stored.writes()).toBe(1);
  expect(await stored.get('k')).toMatchObject({ version: 1, value: 1 });
});

test('after three failed writes the error of the table is thrown', async () => {
  const { deps, stored } = start(['refused', 'refused', 'refused']);

  await expect(writeItem(deps, item(), 0)).rejects.toMatchObject({ code: 'Refused' });
  expect(stored.writes()).toBe(0);
});

test('an update of a known item reads only if another writer changed it, keeps that change, and makes no new item', async () => {
  const { deps, stored } = start();
  const reads = jest.spyOn(deps.table, 'get');
  const first = await writeItem(deps, item({ count: 1 }), 0);
  const known = first.written ? first.item : undefined;
  const more = (now: (Item & { count?: number }) | undefined) => now && { ...now, count: (now.count ?? 0) + 1 };

  await updateItem(deps, 'k', more, known);
  const fresh = reads.mock.calls.length;
  await updateItem(deps, 'k', more, known);
  const missing = await updateItem(deps, 'other', more, item({ key: 'other' }));

  expect(fresh).toBe(0);
  expect(await stored.get('k')).toMatchObject({ count: 3, version: 3 });
  expect(missing).toEqual({ changed: false, item: undefined });
  expect(await stored.get('other')).toBeUndefined();
});

test("a row's index attributes and expiry follow from its state at every write", async () => {
  const { deps } = start();
  const ledger = createLedger(deps);
  const now = deps.clock.now();
  const row = blankRow({ queue: 'feedback', id: '1', time: now, payloadHash: 'h', group: 'g', now });

  const queued = await ledger.write({ ...row, sentAt: now }, 0);
  const end = { state: inState('succeeded'), endedAt: now };
  const { item: ended } = await ledger.update(row.key, (stored) => ({ ...stored, ...end }));
  const { item: done } = await ledger.update(row.key, (stored) => ({ ...stored, recordedAt: now }));

  expect(queued).toMatchObject({ item: { todo: 'feedback#active#1', accepted: 'feedback' } });
  expect(queued.written && queued.item.expiresAt).toBeUndefined();
  expect(ended).toMatchObject({ todo: 'feedback#active#1', todoAt: now + 300_000 });
  expect(done?.todo).toBeUndefined();
  expect((done?.expiresAt ?? 0) * 1000 - now).toBeGreaterThanOrEqual(45 * 86_400_000);
});

const ROW = blankRow({ queue: 'feedback', id: '1', time: 0, payloadHash: 'h', group: 'g', now: 0 });

test.each([
  [44, {}],
  [7, { retryDays: 7 }],
])('the kept body of an ended job is deleted %i days after the last change with the settings %j', (days, more) => {
  const row = {
    ...ROW,
    bodyKept: true,
    updatedAt: HOUR,
    ...{ endedAt: 1, recordedAt: 1, parkedAt: 1, leftDlqAt: 1 },
  };

  const scheduled = withSchedule({ ...row, state: inState('dead') }, { ...feedbackSettings, ...more });

  const aside = withSchedule({ ...row, state: inState('dead'), discarded: true }, { ...feedbackSettings, ...more });

  expect([scheduled.todo, scheduled.todoAt]).toEqual(['feedback#expired', HOUR + days * 86_400_000]);
  expect([aside.todo, aside.todoAt]).toEqual(['feedback#kept', scheduled.todoAt]);
  expect(scheduled.expiresAt).toBe((HOUR + 45 * 86_400_000) / 1000);
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test.each([
  ['15 minutes after it was accepted', {}, 15 * MINUTE - HOUR],
  ['15 minutes after it was accepted, also if it is planned', { bodyKept: true, notBefore: 1 }, 15 * MINUTE - HOUR],
  ['two minutes after its release', { bodyKept: true, holds: 1 }, 2 * MINUTE],
  ['two minutes after the release of a planned job', { bodyKept: true, holds: 1, notBefore: 1 }, 2 * MINUTE],
  ['two minutes after an operator opened it again', { bodyKept: true, generation: 2, notBefore: 1 }, 2 * MINUTE],
])('a job that is not sent is looked at %s', (_when, changes, expected) => {
  const { todo, todoAt = 0 } = withSchedule({ ...ROW, updatedAt: HOUR, ...changes }, feedbackSettings);

  expect([todo, todoAt - HOUR]).toEqual(['feedback#active#1', expected]);
});

const RETENTION = feedbackSettings.retention * 1000;

test.each([
  ['its message, although its lease is over', 0, RETENTION + HOUR],
  ['its lease, if the message came late', RETENTION, RETENTION + 2 * HOUR],
])('a job that runs ends as expired an hour after %s', (_what, begun, expires) => {
  const lease = { token: 't', until: begun + HOUR, messageId: 'm' };

  const row = { ...ROW, updatedAt: HOUR, state: inState('processing'), sentAt: 0, lease };
  const { todo, todoAt } = withSchedule(row, feedbackSettings);

  expect([todo, todoAt]).toEqual(['feedback#active#1', expires]);
});

test('the place of an active job in the index stays from its acceptance to its end. A later or a due one moves', () => {
  const places = [{}, { sentAt: 1 }, { state: inState('processing') }, { state: inState('succeeded'), endedAt: 5 }];
  let row = ROW;
  for (const changes of places) {
    row = withSchedule({ ...row, ...changes }, feedbackSettings);
    expect([row.todo, row.todoAt]).toEqual(['feedback#active#1', 5 * MINUTE]);
  }
  const sent = { ...ROW, sentAt: 1, todo: row.todo ?? '', todoAt: 5 * MINUTE };
  const [early, due] = [5 * MINUTE - 1, 5 * MINUTE].map((updatedAt) => ({ ...sent, updatedAt }));
  const reopened = { ...sent, todoAt: HOUR, sentAt: undefined, bodyKept: true, generation: 2 };
  expect([early, due, reopened].map((one) => withSchedule(one as JobRow, feedbackSettings).todoAt)).toEqual([
    ...[5 * MINUTE, RETENTION + HOUR + 1, 2 * MINUTE],
  ]);
});

test('only its holder can end a lease', async () => {
  const { deps } = start();
  const take = (ms: number) => takeLease(deps, leases, 'lease#sample', deps.clock.now() + ms);
  const first = await take(1_000);
  deps.clock.advance(1_000);
  await take(60_000);

  await endLease(deps, leases, first as RunLease);

  expect(await take(1_000)).toBeUndefined();
});

test('a lease remembers the run that died, also when a later one has ended it', async () => {
  const { deps } = start();
  const take = () => takeLease(deps, leases, 'lease#sample', deps.clock.now() + 1_000);
  const died = await take();
  deps.clock.advance(1_000);

  await endLease(deps, leases, (await take()) as RunLease);

  expect(await take()).toMatchObject({ doubtAt: died?.until });
});

const trialsOf = (table = memoryTable(), fault: () => Fault = () => 'none') =>
  createTrials({ table: withFaults(table, fault), clock: memoryClock(), random: memoryRandom() });

test('a note expires with the rows of its time', async () => {
  const table = memoryTable();

  await trialsOf(table).begin('feedback', 'm1');

  const days = ((table.items()[0]?.expiresAt ?? 0) * 1000 - memoryClock().now()) / 86_400_000;
  expect(days).toBeCloseTo(45);
});

test.each(['refused', 'lost'] as const)('where the table does not take it (%s), the work goes on', async (fault) => {
  const trials = trialsOf(memoryTable(), () => fault);

  await expect(trials.begin('feedback', 'm1')).resolves.toBeUndefined();
  await expect(trials.forget('feedback', 'm1')).resolves.toBe(false);
});

const clock = memoryClock();
const settings = () => ({ retention: 1_209_600 });

/** The item of a job as its producer stores it. */
async function accepted(): Promise<Item> {
  const table = memoryTable();
  await createLedger({ table, clock, random: memoryRandom(3), settings }).write(acceptedRow(clock.now() - 5_000), 0);
  return table.items()[0] as Item;
}

/** Claims the job of a stored item, with or without reading it first. */
async function claimed(stored: Item | undefined, { unread, lost = false }: { unread: boolean; lost?: boolean }) {
  const kept = memoryTable();
  if (stored) await kept.put({ ...stored, version: 1 }, 0);
  if (stored && stored.version !== 1) await kept.put(stored, 1);
  const calls: string[] = [];
  const faults: Fault[] = lost ? ['lost'] : [];
  const table = withFaults(kept, (method) => {
    calls.push(method);
    return method === 'update' ? (faults.shift() ?? 'none') : 'none';
  });
  const ledger = createLedger({ table, clock, random: memoryRandom(), settings });
  const failed = ({ code }: JobError) => ({ kind: 'failed' as const, code });
  const opened = await openAccepted({ ledger, clock, receiveCount: unread ? 1 : 2 }).catch(failed);
  return { opened, calls, item: kept.items()[0] };
}

/** Without what differs between two runs. */
const comparable = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value ?? null), (name, part) =>
    ['writer', 'receiveCount'].includes(name) ? undefined : part,
  );

test('a job that no run has had is claimed by one call, and by two from a message that SQS gives again', async () => {
  const { opened, calls } = await claimed(await accepted(), { unread: true });
  const again = await claimed(await accepted(), { unread: false });

  expect(opened).toMatchObject({ kind: 'claimed', begun: 'effect', row: { state: 'processing' } });
  expect([calls, again.calls]).toEqual([['update'], ['get', 'put']]);
});

test('a claim whose answer was lost is recognised as ours', async () => {
  const { opened, item } = await claimed(await accepted(), { unread: true, lost: true });

  expect(opened).toMatchObject({ kind: 'claimed', begun: 'effect', row: { lease: { token: 'token' } } });
  expect(item?.version).toBe(2);
});

const time = clock.now() - 1_000;
/** Every attribute of a row that a claim reads or writes, or that newer code may store. */
const NAMES = [
  ...['state', 'reason', 'lease', 'payloadHash', 'steps', 'spentMessageIds', 'history', 'deliveries', 'generation'],
  ...['attempts', 'crashes', 'holds', 'version', 'schema', 'time', 'createdAt', 'group', 'type', 'source', 'sequence'],
  ...['correlationId', 'traceparent', 'firstStartedAt', 'endedAt', 'retryAt', 'dueSince', 'notBefore', 'recordedAt'],
  ...['parkedAt', 'parkedFrom', 'leftDlqAt', 'discarded', 'cancelledBy', 'heldSince', 'outcomeAt', 'vendor', 'error'],
  ...['evidence', 'result', 'failures', 'bodyKept', 'canary', 'expiresAt', 'bulk', 'replacedBy', 'ofNewerCode'],
];
/** What may be stored in any of them in place of the producer's value. `undefined`: nothing. */
const ANY = [undefined, 'odd', '', 'm', true, -1, 0, 1, 2, 1.5, time, [], {}, ['m'], [7]];
/** What else one of them may hold. */
const VALUES: Record<string, readonly unknown[]> = {
  state: ['processing', 'held', 'succeeded', 'dead', 'cancelled'],
  reason: ['operator', 'never-sent', 'retry', 'error'],
  lease: [9_000, 0].map((left) => ({ token: 'other', until: clock.now() + left, messageId: 'm' })),
  steps: ['effect', 'other'].map((name) => ({ [name]: { status: 'started', startedAt: time } })),
  history: [[{ at: time, event: 'reopened (operator)' }]],
  deliveries: [[{ messageId: 'm', sentAt: time }]],
  error: [{ class: 'permanent', code: 'X', message: 'x' }],
  evidence: [{ effect: { at: time, event: 'delivered' } }],
  bulk: [{ id: 'b', generation: 1, at: 1 }],
};

const change = fc
  .constantFrom(...NAMES)
  .chain((name) => fc.constantFrom(...ANY, ...(VALUES[name] ?? [])).map((value) => [name, value] as const));

/** A row that does not parse is not run. */
const seen = ({ opened, item }: Awaited<ReturnType<typeof claimed>>): unknown =>
  opened.kind === 'failed' ? opened : comparable([opened, item]);

test.each(['updatedAt', 'sentAt'])('a damaged %s is replaced', async (attribute) => {
  const { opened, item } = await claimed({ ...(await accepted()), [attribute]: 'odd' }, { unread: true });

  expect(opened).toMatchObject({ kind: 'claimed' });
  expect(item?.[attribute]).not.toEqual('odd');
});

test('whatever else is stored, a claim without a read ends as one with a read', async () => {
  let unread = 0;
  await fc.assert(
    fc.asyncProperty(fc.option(fc.array(change, { maxLength: 3 }), { freq: 50 }), async (changes) => {
      const stored = changes ? { ...(await accepted()), ...Object.fromEntries(changes) } : undefined;
      const [one, other] = [await claimed(stored, { unread: true }), await claimed(stored, { unread: false })];
      if (one.calls.length === 1) unread++;

      expect(seen(one)).toEqual(seen(other));
    }),
    { numRuns: 1_000 },
  );
  expect(unread).toBeGreaterThan(100);
});

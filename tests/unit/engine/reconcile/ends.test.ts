import { evidenceKey, fileKey, jobKey, uploadsPrefix } from '../../../../lib/engine/jobs/keys';
import type { JobRow } from '../../../../lib/engine/jobs/row';
import { dropBodies, dropFiles, markExpiredEntries } from '../../../../lib/engine/reconcile/ends';
import { type Submission, submit } from '../../../../lib/engine/submit/submit';
import { retry } from '../../../../lib/operate/ops/act';
import type { Item } from '../../../../lib/platform/ports';
import { evidenceItem } from '../../../../lib/queues/emails/events/webhook';
import { acceptedRow } from '../../../support/accepted-row';
import { type Engine, type EngineOptions, envelope, jobId, memoryEngine, PREFIX } from '../../../support/engine';
import { outage } from '../../../support/faults';
import { inState } from '../../../support/in-state';
import { createKills } from '../../../support/kills';
import { memoryClock } from '../../../support/memory-clock';
import { reconcileRun } from '../../../support/reconcile-run';
import { rejects, SAMPLE_QUEUE, sampleContract, sampleEngine } from '../../../support/sample-contract';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** The time of an engine that has just started. */
const START = memoryClock().now();

test.each([
  ['record', 'objects.create', () => 'done'],
  ['DLQ entry', 'queues.send', rejects],
])('an ended job whose %s could not be written gets it within minutes', async (_what, call, work) => {
  const store = outage(call);
  const { engine } = sampleEngine(work, store);
  await engine.sendAndDeliver(envelope());
  const written = () => [Object.keys(engine.records()).length, engine.deadLetters().length];
  const before = written();

  store.down = false;
  await engine.reconcileAfter(5 * MINUTE);

  const isDead = work === rejects;
  expect(before).not.toEqual([1, Number(isDead)]);
  expect(written()).toEqual([1, Number(isDead)]);
  expect(engine.row(jobId(1)).recordedAt).toBeDefined();
  const entry = { body: envelope(), attributes: { code: { StringValue: 'Rejected' } } };
  expect(engine.deadLetters()).toMatchObject(isDead ? [entry] : []);
});

test('a record whose write fails in a run that looks far ahead is tried again in a minute', async () => {
  const store = outage('objects.create');
  const { engine } = sampleEngine(undefined, store);
  // Every five minutes a run also reads the jobs whose messages expire in days.
  engine.clock.advance(5 * MINUTE - (engine.clock.now() % (5 * MINUTE)));
  await engine.sendAndDeliver(envelope());

  await engine.reconcileAfter(5 * MINUTE);
  store.down = false;
  await engine.reconcileAfter(2 * MINUTE);

  expect(engine.row(jobId(1)).recordedAt).toBeDefined();
});

test('a job that was not sent ends after a quarter of an hour, also beside a key whose query fails', async () => {
  const { engine } = sampleEngine(undefined, outage('table.due', { of: '#active#0' }));
  for (let n = 1; n <= 40; n++) await engine.deps.ledger.write(acceptedRow(engine.clock.now(), { id: jobId(n) }), 0);

  await engine.reconcileAfter(14 * MINUTE);
  const early = engine.rows().map(({ state }) => state);
  await engine.reconcileAfter(MINUTE);

  expect(new Set(early)).toEqual(new Set(['queued']));
  const left = engine.rows().filter(({ state }) => state === 'queued');
  expect(new Set(left.map(({ todo }) => todo))).toEqual(new Set(['sample#active#0']));
});

test('a sent job whose message outlived its retention expires, with a warning before, a record and no DLQ entry', async () => {
  const { engine } = sampleEngine();
  await engine.deps.ledger.write({ ...acceptedRow(START), sentAt: START }, 0);

  await engine.reconcileAfter(13 * DAY);
  const before = engine.row(jobId(1)).state;
  await engine.reconcileAfter(DAY + 60 * MINUTE);

  expect(before).toBe('queued');
  expect(engine.facts).toMatchObject([{ fact: 'jobs-expired', subject: 'sample', jobId: jobId(1), on: true }]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'expired', error: { code: 'Expired' } });
  expect(Object.values(engine.records())).toMatchObject([{ state: 'dead', reason: 'expired' }]);
  expect(engine.deadLetters()).toEqual([]);
});

test('a sent job does not expire while a longer retention keeps its message', async () => {
  const { engine, effects } = sampleEngine();
  await engine.accept(envelope(1));
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({ ...row, sentAt: engine.clock.now() }));
  Object.assign(engine.deps.settings('sample'), { retention: 28 * 86_400 });

  await engine.reconcileAfter(15 * DAY);
  const { state, todoAt = 0 } = engine.row(jobId(1));
  await engine.reconcileAfter(14 * DAY);

  expect([state, todoAt > engine.clock.now() - DAY]).toEqual(['queued', true]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'expired' });
  expect(effects).toEqual([]);
});

test("a dead job's row says when its DLQ entry expired, and its body is deleted a day before the row", async () => {
  const { engine } = sampleEngine(rejects);
  await engine.sendAndDeliver(envelope());
  const bodies = () => engine.objects.keys().filter((key) => key.includes('_bodies'));

  await engine.reconcileAfter(14 * DAY + MINUTE);
  const expired = engine.row(jobId(1));
  const kept = bodies();
  await engine.reconcileAfter(44 * DAY + MINUTE);

  expect(expired.leftDlqAt).toBeDefined();
  expect(kept).toHaveLength(1);
  expect(bodies()).toEqual([]);
  const left = (engine.row(jobId(1)).expiresAt ?? 0) * 1000 - engine.clock.now();
  expect([left > 0, left <= DAY + MINUTE]).toEqual([true, true]);
});

test('a replaced job whose DLQ entry was not sent yet gets its record and no entry', async () => {
  const store = outage('queues.send');
  const { engine } = sampleEngine(rejects, store);
  await engine.sendAndDeliver(envelope());
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, replacedBy: jobId(2) }));
  store.down = false;

  await engine.reconcileAfter(6 * MINUTE);

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', todo: 'sample#kept', bodyKept: true });
  expect(Object.values(engine.records())).toMatchObject([{ state: 'dead', replacedBy: jobId(2) }]);
  expect(engine.deadLetters()).toEqual([]);
});

const retried = (engine: Engine) => retry(engine.deps, engine.row(jobId(1)));
const deadAgain = ({ deps, row, clock }: Engine) =>
  deps.ledger.update(row(jobId(1)).key, ({ leftDlqAt: _left, ...now }) => ({ ...now, parkedAt: clock.now() }));

test.each<[string, string, number, (engine: Engine) => Promise<unknown>, Partial<JobRow>]>([
  // The walk reads the row, and looks again before the delete.
  ['is retried just before keeps its body', 'table.get', 2, retried, { state: inState('queued'), bodyKept: true }],
  ['is retried during it must keep its body again', 'objects.delete', 1, retried, { bodyKept: false }],
  ['is dead again has another body', 'objects.delete', 1, deadAgain, { state: inState('dead'), bodyKept: true }],
])('when the body of a job is deleted, a job that %s', async (_what, call, nth, happens, expected) => {
  let calls = Number.NaN;
  const { engine } = sampleEngine(rejects, {
    before: async (name) => {
      if (name === call && ++calls === nth) await happens(engine);
    },
  });
  await engine.sendAndDeliver(envelope());
  await engine.reconcileAfter(14 * DAY + MINUTE);
  engine.clock.advance(44 * DAY + MINUTE);
  calls = 0;

  await dropBodies(reconcileRun(engine.deps), SAMPLE_QUEUE, () => true);

  expect(engine.row(jobId(1))).toMatchObject(expected);
  expect(engine.objects.keys().some((key) => key.includes('_bodies'))).toBe(call === 'table.get');
});

test('a job that is parked again while the reconciler marks its old entry as expired keeps its new entry', async () => {
  let race = async () => {};
  const { engine } = sampleEngine(rejects, { before: (call) => (call === 'table.put' ? race() : undefined) });
  await engine.sendAndDeliver(envelope());
  engine.clock.advance(14 * DAY + MINUTE);
  const { key } = engine.row(jobId(1));
  race = async () => {
    race = async () => {};
    const item = (await engine.table.get(key)) as Item;
    await engine.table.put({ ...item, parkedAt: engine.clock.now(), version: item.version + 1 }, item.version);
  };

  await markExpiredEntries(reconcileRun(engine.deps), 'sample', () => true);

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', parkedAt: engine.clock.now() });
  expect(engine.row(jobId(1)).leftDlqAt).toBeUndefined();
});

const DELIVERED = { at: START, event: 'delivered' };

/** A job of the queue `emails` with an unknown step. `addEvidence` stores evidence about it. */
async function started(changes: Partial<JobRow> = {}) {
  const engine = memoryEngine(() => ({ ...sampleContract().contract, queue: 'emails' }));
  const made = { ...acceptedRow(START), key: jobKey('emails', jobId(1)), queue: 'emails' };
  const steps = { send: { status: 'unknown' as const, startedAt: START } };
  await engine.deps.ledger.write({ ...made, firstStartedAt: START, steps, ...changes }, 0);
  const addEvidence = (changes: object = {}) =>
    engine.table.put(
      { ...evidenceItem({ queue: 'emails', step: 'send', id: jobId(1) }, DELIVERED), version: 1, ...changes },
      0,
    );
  const item = () => engine.table.item(evidenceKey('emails', 'send', jobId(1)));
  return { engine, addEvidence, item, row: () => engine.row(jobId(1)) };
}

test.each<[string, unknown, boolean, Partial<JobRow>?]>([
  ['from a little before the first run of its job is in the row', { ...DELIVERED, at: START - MINUTE }, true],
  ['from half an hour before it changes nothing', { ...DELIVERED, at: START - 30 * MINUTE }, false],
  ['that is nothing changes nothing', null, false],
  ['that is a text changes nothing', 'delivered', false],
  ['without a time changes nothing', { event: 'delivered' }, false],
  ['with a number as the id changes nothing', { at: START, event: 'delivered', messageId: 7 }, false],
  ['beside that in the row changes nothing', DELIVERED, false, { evidence: { send: { at: 1, event: 'processed' } } }],
])('evidence %s, and is deleted', async (_what, evidence, counts, known = {}) => {
  const { engine, addEvidence, item, row } = await started(known);
  const before = row();
  await addEvidence({ evidence });

  await engine.reconcile();

  if (counts) expect(row().evidence).toEqual({ send: evidence });
  else expect(row()).toEqual(before);
  expect(item()).toBeUndefined();
});

test('evidence about a job without a row is deleted', async () => {
  const { engine, addEvidence, item, row } = await started();
  await engine.table.delete(row().key, 1);
  await addEvidence();

  await engine.reconcile();

  expect(item()).toBeUndefined();
  expect(engine.rows()).toEqual([]);
});

test('an item under a key of other work is left alone', async () => {
  const { engine, addEvidence, row } = await started();
  await addEvidence({ key: 'vendor#sendgrid' });

  await engine.reconcile();

  expect(engine.table.item('vendor#sendgrid')).toMatchObject({ version: 1 });
  expect(row().evidence).toBeUndefined();
});

const FILE = `${uploadsPrefix(PREFIX, SAMPLE_QUEUE)}client/file.png`;

/** An upload that no job names yet. */
async function anUpload(options: EngineOptions = {}) {
  const { engine } = sampleEngine(undefined, options);
  await engine.objects.put(FILE, 'a picture', 'image/png');
  const job = { queue: SAMPLE_QUEUE, type: 'sample.done.v1', data: { name: 'a' }, group: 'g', files: [FILE] };
  const accepted = engine.clock.now();
  return {
    engine,
    send: (changes: Partial<Submission> = {}) => submit({ ...engine.deps, source: '/my/api' }, { ...job, ...changes }),
    note: () => engine.table.item(fileKey(FILE)),
    isThere: () => engine.objects.keys().includes(FILE),
    drop: () => dropFiles(engine.deps, SAMPLE_QUEUE, () => true),
    /** Goes on to the first full hour that is this many days after the start, and removes what has expired. */
    async toDay(days: number) {
      const { clock, table } = engine;
      clock.advance(Math.ceil((accepted + days * DAY) / (60 * MINUTE)) * 60 * MINUTE - clock.now());
      for (const { key, version, expiresAt } of table.items())
        if (expiresAt !== undefined && expiresAt * 1000 <= clock.now()) await table.delete(key, version);
    },
  };
}

test('an upload stays as long as the row of its job, then a run in the next full hour deletes it, and no other file', async () => {
  const { engine, send, toDay, isThere, note } = await anUpload();
  const others = [`${FILE}2`, `${PREFIX}/_attachments/${SAMPLE_QUEUE}/file.png`];
  for (const key of others) await engine.objects.put(key, 'another', 'image/png');
  await send();
  await engine.deliver();
  await toDay(44);
  await engine.reconcile();
  const day44 = isThere();
  await toDay(46);
  await engine.reconcileAfter(MINUTE);
  const between = isThere();

  await engine.reconcileAfter(59 * MINUTE);

  expect([day44, between, isThere()]).toEqual([true, true, false]);
  expect(engine.objects.keys()).toEqual(expect.arrayContaining(others));
  expect(note()).toMatchObject({ jobs: [], expiresAt: engine.clock.now() / 1000 + 86_400 });
  expect(note()).not.toHaveProperty('todo');
});

test('an upload of two jobs stays until both rows are gone', async () => {
  const { engine, send, toDay, isThere } = await anUpload();
  await send();
  await engine.deliver();
  await toDay(40);
  await send({ key: 'later', group: 'other' });
  await engine.deliver();
  const there: boolean[] = [];

  for (const day of [46, 60, 84, 86]) {
    await toDay(day);
    await engine.reconcile();
    there.push(isThere());
  }

  expect(there).toEqual([true, true, true, false]);
});

test('a job that comes while its upload is deleted keeps the note, so the file is checked again', async () => {
  let come = async () => {};
  const before = (call: string) => (call === 'objects.delete' ? come() : undefined);
  const { engine, send, toDay, drop, note } = await anUpload({ before });
  await send();
  await engine.deliver();
  await toDay(60);
  come = async () => {
    come = async () => {};
    await send({ group: 'late' });
  };

  await drop();

  expect(note()).toMatchObject({ todo: `${SAMPLE_QUEUE}#files`, jobs: [expect.any(String), expect.any(String)] });
});

test('an upload that more than a hundred jobs name stays for the lifecycle rule of the bucket', async () => {
  const { engine, send, toDay, drop, isThere, note } = await anUpload();
  for (let n = 0; n < 103; n++) await send({ group: `g-${n}` });
  const stored = note();
  await toDay(119);
  for (const { key, version, state } of engine.table.items()) if (state) await engine.table.delete(key, version);

  await drop();

  expect(stored?.jobs).toHaveLength(101);
  expect(stored).not.toHaveProperty('todo');
  expect(stored?.expiresAt).toBeGreaterThan((engine.clock.now() + DAY / 2) / 1000);
  expect(isThere()).toBe(true);
});

test.each<[object, boolean]>([
  [{ jobs: undefined }, true],
  [{ jobs: [1] }, true],
  [{ object: undefined }, true],
  [{ object: 'another' }, true],
  [{ jobs: [] }, false],
])('the file of a damaged note stays: %j, and another job comes: %s', async (damage, comes) => {
  const { engine, send, toDay, drop, isThere, note } = await anUpload();
  await send();
  await engine.table.put({ ...note(), ...damage, version: 2 } as Item, 1);
  if (comes) await send({ group: 'other' });
  await toDay(60);
  for (const { key, version, state } of engine.table.items()) if (state) await engine.table.delete(key, version);

  await drop();

  expect(note()).toMatchObject({ todo: `${SAMPLE_QUEUE}#files`, todoAt: engine.clock.now() + DAY });
  expect(isThere()).toBe(true);
});

describe.each(['before', 'after'] as const)('killed %s any of its calls', (when) => {
  it('a run of the reconciler leaves the rest to the next run', async () => {
    for (let call = 1; ; call++) {
      const kills = createKills();
      const { engine, send, toDay, drop, isThere, note } = await anUpload(kills);
      await send();
      await send({ group: 'other' });
      await engine.deliver();
      await toDay(60);

      const end = await kills.run(() => drop(), { call, when });
      if (note()?.todo === undefined) expect({ call, isThere: isThere() }).toEqual({ call, isThere: false });
      await drop();

      expect({ call, isThere: isThere(), todo: note()?.todo }).toEqual({ call, isThere: false, todo: undefined });
      if (end === 'done') return expect(call).toBeGreaterThan(6);
    }
  });

  it('a producer leaves no job without a note, and a repeated call finds file and job', async () => {
    for (let call = 1; ; call++) {
      const kills = createKills();
      const { engine, send, toDay, drop, isThere, note } = await anUpload(kills);

      const end = await kills.run(() => send({ key: 'k' }), { call, when });
      const [row] = engine.rows();
      if (row || engine.inQueue() > 0) expect({ call, jobs: note()?.jobs }).toMatchObject({ jobs: [row?.key] });
      await toDay(10);
      await drop();
      const { id } = await send({ key: 'k' });
      await engine.deliver();

      expect(engine.row(id).state).toBe('succeeded');
      expect(note()?.jobs).toEqual([engine.row(id).key]);
      for (const day of [46, 57]) {
        await toDay(day);
        await drop();
        expect({ call, day, isThere: isThere() }).toEqual({ call, day, isThere: day === 46 });
      }
      if (end === 'done') return expect(call).toBeGreaterThan(4);
    }
  });
});

import { fileKey, uploadsPrefix } from '../../../lib/jobs/keys';
import type { Item } from '../../../lib/ports';
import { dropFiles } from '../../../lib/reconcile/ends';
import { type Submission, submit } from '../../../lib/submit/submit';
import { type EngineOptions, PREFIX } from '../../support/engine';
import { createKills } from '../../support/kills';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const FILE = `${uploadsPrefix(PREFIX, SAMPLE_QUEUE)}client/file.png`;

async function start(options: EngineOptions = {}) {
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
  const { engine, send, toDay, isThere, note } = await start();
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
  const { engine, send, toDay, isThere } = await start();
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
  const { engine, send, toDay, drop, note } = await start({
    before: (call) => (call === 'objects.delete' ? come() : undefined),
  });
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
  const { engine, send, toDay, drop, isThere, note } = await start();
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
  const { engine, send, toDay, drop, isThere, note } = await start();
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
      const { engine, send, toDay, drop, isThere, note } = await start(kills);
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
      const { engine, send, toDay, drop, isThere, note } = await start(kills);

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

import { parseEnvelope } from '../../../../lib/engine/jobs/envelope';
import { jobKey } from '../../../../lib/engine/jobs/keys';
import { GONE, PLACEHOLDER } from '../../../../lib/engine/jobs/messages';
import { type JobRow, rowOfEnvelope, type State } from '../../../../lib/engine/jobs/row';
import { jobId as idOfKey } from '../../../../lib/engine/submit/options';
import { submit } from '../../../../lib/engine/submit/submit';
import { cancel } from '../../../../lib/operate/ops/act';
import { PermanentError, StoreError, WaitError } from '../../../../lib/platform/errors';
import { acceptedRow } from '../../../support/accepted-row';
import { spendReceives } from '../../../support/dead-letters';
import { anEnvelope, envelope, jobId } from '../../../support/engine';
import { sampleEngine } from '../../../support/sample-contract';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ID = jobId(1);
const BODY = envelope();
const FORGED = '00000000-0000-4000-8000-0000deadbeef';

function start() {
  const what: { error?: Error } = {};
  const { engine, effects } = sampleEngine(() => {
    if (what.error) throw what.error;
  });
  return { engine, effects, what };
}

const failsWith =
  (error: Error) =>
  async ({ engine, what }: ReturnType<typeof start>) => {
    what.error = error;
    await engine.accept(BODY);
    await engine.deliver();
  };

/** A job in a state, with its kept body. */
const IN: Record<string, (given: ReturnType<typeof start>) => Promise<void>> = {
  'that is planned for later': async ({ engine }) => {
    const notBefore = new Date(engine.clock.now() + HOUR).toISOString();
    const deps = { ...engine.deps, source: String(anEnvelope().source) };
    await submit(deps, { id: ID, queue: 'sample', type: 'sample.done.v1', data: {}, group: 'g', notBefore });
  },
  'that is held': failsWith(new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', waitMs: HOUR })),
  'of another sender that is held': async ({ engine, what }) => {
    what.error = new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', waitMs: HOUR });
    await engine.sendAndDeliver(BODY);
  },
  'that is dead': failsWith(new PermanentError({ code: 'Rejected', message: 'rejected' })),
  'that was cancelled': async (given) => {
    await IN['that is held']?.(given);
    await cancel(given.engine.deps, given.engine.row(ID));
  },
  'that was never sent': async ({ engine }) => {
    await engine.deps.ledger.write(acceptedRow(engine.clock.now()), 0);
    await engine.reconcileAfter(15 * MINUTE);
  },
  'that waits in its queue': async ({ engine }) => {
    await engine.accept(BODY);
    await engine.deps.ledger.update(engine.row(ID).key, (row) => ({ ...row, sentAt: engine.clock.now() }));
    engine.receive();
  },
};

const OF_ENTRY = { job: ID, token: FORGED, code: 'Rejected', messageId: 'm' };

/** What a sender with only sqs:SendMessage may write about the job. */
const FORGERIES: [string, { body: string; attributes: Record<string, string> }][] = [
  ['a copy of its message', { body: BODY, attributes: {} }],
  ['a copy with a random of its own', { body: BODY, attributes: { token: FORGED } }],
  ['its name and a placeholder for its body', { body: PLACEHOLDER, attributes: { job: ID } }],
  ['its name and no body', { body: GONE, attributes: { job: ID } }],
  ['what looks like its DLQ entry', { body: PLACEHOLDER, attributes: OF_ENTRY }],
];
/** Bodies of messages that only name a job. */
const BODILESS = Object.entries({ 'a placeholder': PLACEHOLDER, 'no body': GONE });

/** The body that the job was sent with: our producer adds what a stranger cannot know. */
function sentBody({ objects }: ReturnType<typeof start>['engine']): string {
  const kept = objects.keys().find((key) => key.includes('/_bodies/'));
  return kept === undefined ? BODY : objects.text(kept);
}

describe.each(Object.keys(IN))('a job %s', (state) => {
  test.each(FORGERIES)('is not opened by %s, nor by it from the DLQ, untried', async (_what, { body, attributes }) => {
    const given = start();
    await IN[state]?.(given);
    const { engine, effects, what } = given;
    const stored = () => ({ row: engine.row(ID), objects: engine.objects.keys(), dead: engine.deadLetters().length });
    const refusals = () => engine.metrics.filter(({ name }) => name === 'IllegalTransitions').length;
    const before = stored();
    const forged = [body === BODY ? sentBody(engine) : body, { group: 'stranger', attributes }] as const;
    delete what.error;

    await engine.sendAndDeliver(...forged);

    expect(stored()).toEqual(before);
    expect(refusals()).toBe(1);

    engine.send(...forged);
    spendReceives(engine);
    await engine.reconcile();

    expect(refusals()).toBe(2);
    expect(effects).toEqual([]);
    expect(engine.rows()).toMatchObject([{ id: ID, generation: before.row.generation }]);
  });
});

test.each(BODILESS)("its name and %s do not end a stranger's job whose body is not kept yet", async (_what, body) => {
  const { engine, effects } = start();
  const given = { queue: 'sample', envelope: parseEnvelope(BODY), group: 'g', now: engine.clock.now() };
  await engine.deps.ledger.write(rowOfEnvelope(given), 0);
  const before = engine.row(ID);

  await engine.sendAndDeliver(body, { group: 'stranger', attributes: { job: ID } });
  expect(engine.row(ID)).toEqual(before);
  await engine.sendAndDeliver(BODY);

  expect(effects).toEqual([ID]);
  expect(engine.row(ID)).toMatchObject({ state: 'succeeded' });
});

test.each<[string, Partial<JobRow>, State]>([
  ['whose person was erased stays dead', { erased: true }, 'dead'],
  ['that an operator discarded stays dead', { leftDlqAt: 1, discarded: true }, 'dead'],
  ['that an operator replaced stays dead', { replacedBy: jobId(9) }, 'dead'],
  ['whose entry was taken for expired runs', { leftDlqAt: 1 }, 'succeeded'],
])('a dead job with a redriven entry %s', async (_which, ended, state) => {
  const given = start();
  const { engine, effects, what } = given;
  await IN['that is dead']?.(given);
  await engine.deps.ledger.update(engine.row(ID).key, (row) => ({ ...row, ...ended }));
  delete what.error;
  engine.redrive();

  await engine.deliver();
  await engine.reconcile();

  expect(engine.row(ID)).toMatchObject({ state });
  expect(effects).toEqual(state === 'dead' ? [] : [ID]);
  expect([engine.inQueue(), engine.deadLetters().length]).toEqual([0, 0]);
});

test('a redrive with the tools of AWS opens a dead job once, and the same entry opens no later end', async () => {
  const given = start();
  const { engine, effects, what } = given;
  await IN['that is dead']?.(given);
  engine.redrive();
  const [entry] = engine.receive().Records;
  const copy = { ...entry, messageId: 'a copy' } as NonNullable<typeof entry>;

  await engine.handle({ Records: entry ? [entry] : [] });
  delete what.error;
  await engine.handle({ Records: [copy] });

  expect(engine.row(ID)).toMatchObject({ state: 'dead', generation: 2 });
  expect(effects).toEqual([]);
});

const KEYED = { queue: 'sample', type: 'sample.done.v1', data: {}, group: 'g', key: 'order-7', principal: 'shop' };

test.each([
  ['with other data', { data: { name: 'squatter' } }, {}],
  ['with the same data', {}, {}],
  ['with a random', { data: { name: 'squatter' } }, { token: FORGED }],
])('a message of another sender %s does not take the id of our next call', async (_what, changes, attributes) => {
  const { engine, effects } = start();
  const id = idOfKey({ ...engine.deps, ...KEYED });
  const stranger = envelope(1, { id, source: '/elsewhere', ...changes });
  await engine.sendAndDeliver(stranger, { deduplication: id, attributes });
  const made = engine.rows().map((row) => row.id);

  const accepted = await submit({ ...engine.deps, source: '/my/api' }, KEYED);
  await engine.deliver();

  expect(made).toEqual('token' in attributes ? [] : [expect.stringMatching(/^invalid\//)]);
  expect(accepted).toMatchObject({ id, duplicate: false });
  expect(effects).toEqual([id]);
});

test.each(['order-1', 'e9e6c1a5-0c5b-5d6e-8a3b-0d6f4d4f5a11', '00000000-0000-1000-8000-00000000000a'])(
  'another sender’s id %s could be guessed, so the message is parked under an id of its own, and says so',
  async (id) => {
    const { engine, effects } = start();

    await engine.sendAndDeliver(envelope(1, { id, source: '/elsewhere' }));

    expect(effects).toEqual([]);
    expect(engine.rows()).toMatchObject([
      { id: expect.stringMatching(/^invalid\//), state: 'dead', error: { code: 'InvalidEnvelope', field: 'id' } },
    ]);
  },
);

test('a message that was found to be no job ends as that, although its id is a job of ours when it comes again', async () => {
  let refuses = true;
  const { engine } = sampleEngine(undefined, {
    before: (call) => {
      if (refuses && call.startsWith('objects.')) throw new StoreError({ code: 'S3.Down', message: 'down' });
    },
  });
  const id = idOfKey({ key: 'order-1', queue: 'sample', clock: engine.clock, random: engine.deps.random } as never);
  const message = engine.send(envelope(1, { id }));
  await engine.deliver();
  expect(engine.row(`invalid/${message}`)).toMatchObject({ state: 'queued' });
  refuses = false;
  await engine.accept(envelope(1, { id }));
  await engine.work();

  await engine.reconcileAfter(16 * MINUTE);
  await engine.work();

  expect(engine.row(id)).toMatchObject({ state: 'succeeded' });
  expect(engine.row(`invalid/${message}`)).toMatchObject({ state: 'dead', error: { code: 'IdTaken' } });
});

test.each([
  ['of another sender', {}, undefined],
  ['that our producer sent without a row', { token: FORGED }, 'a'.repeat(32)],
])('owner and person of a job %s are kept, or not', async (_whose, attributes, hash) => {
  const { engine } = start();

  await engine.sendAndDeliver(envelope(1, { owner: 'a'.repeat(32), person: 'a'.repeat(32) }), { attributes });

  expect(engine.row(ID)).toMatchObject({ state: 'succeeded' });
  expect([engine.row(ID).owner, engine.row(ID).person]).toEqual([hash, hash]);
});

test.each([
  ['0001-01-01T00:00:00Z', 'dead'],
  ['2025-12-19T03:04:04Z', 'dead'],
  ['2025-12-19T03:04:05Z', 'succeeded'],
  ['2026-01-03T03:04:05Z', 'succeeded'],
  ['2026-01-03T03:04:06Z', 'dead'],
])('an event of the time %s is %s, and only a valid one chooses the hour of its record', async (time, state) => {
  const { engine } = start();

  await engine.sendAndDeliver(envelope(1, { time }));

  expect(engine.rows()).toMatchObject([{ state }]);
  if (state === 'dead') expect(engine.rows()[0]?.error).toMatchObject({ code: 'InvalidEnvelope', field: 'time' });
  expect(Object.keys(engine.records())[0]).toMatch(/year=202[56]\//);
});

test('a stranger cannot make SQS swallow the message that comes back from the DLQ', async () => {
  const { engine, effects } = start();
  engine.send(BODY);
  spendReceives(engine);
  for (const version of [0, 1, 2]) engine.send('not json', { deduplication: `${ID}:${version}` });
  await engine.reconcile();

  while (engine.inQueue() > 0) await engine.deliver();

  expect(effects).toEqual([ID]);
});

test('the entry of a message of another sender names the row that does not parse', async () => {
  const { engine } = start();
  const own = 'e9e6c1a5-0c5b-4d6e-8a3b-0d6f4d4f5a11';
  const stranger = { source: '/elsewhere', id: own };
  await engine.table.put({ key: jobKey('sample', own), version: 1, writer: '' }, 0);

  await engine.sendAndDeliver(envelope(1, stranger));

  expect(engine.deadLetters().map(({ attributes }) => attributes.job?.StringValue)).toEqual([own]);
});

test.each(BODILESS)('a random id and %s make no dead job', async (_what, body) => {
  const { engine } = start();

  await engine.sendAndDeliver(body, { attributes: { job: ID } });

  expect(engine.rows()).toEqual([]);
  expect(engine.deadLetters()).toEqual([]);
});

import type { BatchJob } from 'background-jobs-producer';
import type { Pool } from 'pg';
import { enqueue, OUTBOX, relay, relayOnce } from '../../../examples/express-api/src/outbox';
import { mapEach } from '../../../lib/platform/concurrency';
import { StoreError } from '../../../lib/platform/errors';
import { startPostgres } from '../../support/postgres';
import { memoryProducerDeps } from '../../support/producer';

let postgres: Awaited<ReturnType<typeof startPostgres>>;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

const feedback = (user: string, subject: string): BatchJob => ({
  kind: 'feedback',
  data: { user: { email: `${user}@example.com` }, subject, message: 'It works.' },
  options: { principal: 'client-1' },
});

/** An API with an empty outbox, and the service in memory. */
async function start(pool: Pool, isStuck = (_data: { subject: string }) => false) {
  await pool.query(`drop table if exists outbox; ${OUTBOX}`);
  let isDown = isStuck;
  const memory = memoryProducerDeps({
    queues: (queues) => {
      const send: typeof queues.send = async (url, message) => {
        if (!isDown(JSON.parse(message.body).data)) return queues.send(url, message);
        throw new StoreError({ code: 'SQS.ServiceUnavailable', message: 'SQS SendMessage failed' });
      };
      const entry = (error: StoreError) => ({ sent: false as const, code: error.code });
      const sendBatch: typeof queues.sendBatch = (url, messages) =>
        mapEach(messages, 1, (message) => send(url, message).then((sent) => ({ sent: true, ...sent }), entry));
      return { ...queues, send, sendBatch };
    },
  });
  const lines: object[] = [];
  const log = (message: string, facts = {}) => void lines.push({ message, ...facts });
  return {
    ...memory,
    lines,
    log,
    setDown: (is: boolean) => (isDown = () => is),
    once: async () => (await relayOnce(pool, memory.producer, log)).settled,
    add: (user: string, subject: string) => enqueue(pool, feedback(user, subject)),
    subjects: () => memory.events().map(({ data }) => (data as { subject: string }).subject),
    rows: async () => (await pool.query('select * from outbox order by place')).rows,
  };
}

/** A test that needs Postgres. */
const withPostgres = (title: string, act: (pool: Pool) => Promise<void>) =>
  test(title, async () => {
    if (postgres) await act(postgres.pool());
  });

withPostgres('a job is sent after its transaction commits, and not at all if that rolls back', async (pool) => {
  const { once, subjects, rows } = await start(pool);
  const client = await pool.connect();
  const inTransaction = async (subject: string, end: 'commit' | 'rollback') => {
    await client.query('begin');
    await enqueue(client, feedback('user', subject));
    expect(await once()).toBe(0);
    await client.query(end);
  };

  await inTransaction('taken back', 'rollback');
  await inTransaction('kept', 'commit');
  client.release();

  expect(await once()).toBe(1);
  expect(await once()).toBe(0);
  expect(subjects()).toEqual(['kept']);
  expect(await rows()).toMatchObject([{ sent: expect.stringMatching(/^[\da-f-]{36}$/), refused: null }]);
});

withPostgres('a row that is committed after a later one is sent too', async (pool) => {
  const { once, add, subjects } = await start(pool);
  const slow = await pool.connect();
  await slow.query('begin');
  await enqueue(slow, feedback('slow', 'first number'));
  await add('fast', 'second number');

  expect(await once()).toBe(1);
  await slow.query('commit');
  slow.release();
  expect(await once()).toBe(1);

  expect(subjects()).toEqual(['second number', 'first number']);
});

withPostgres('while the queue is down rows wait, and then each group has its order', async (pool) => {
  const { once, add, subjects, setDown, lines, rows } = await start(pool);
  for (let n = 0; n < 6; n++) await add(`user-${n % 2}`, `${n % 2}/${n}`);

  setDown(true);
  expect(await once()).toBe(0);
  expect(lines).toEqual([{ message: 'rows of the outbox wait', code: 'SQS.ServiceUnavailable' }]);
  expect(await rows()).toMatchObject(Array(6).fill({ sent: null, refused: null }));
  setDown(false);
  expect(await once()).toBe(6);

  const ofUser = (user: number) => subjects().filter((subject) => subject.startsWith(`${user}/`));
  expect([ofUser(0), ofUser(1)]).toEqual([
    ['0/0', '0/2', '0/4'],
    ['1/1', '1/3', '1/5'],
  ]);
});

withPostgres('a row that is refused for good is set aside with its reason, and stops no other', async (pool) => {
  const { once, add, subjects, rows } = await start(pool);
  await enqueue(pool, { ...feedback('user', 'x'), data: { user: { email: 'user@example.com' } } } as never);
  await pool.query(`insert into outbox (job) values ('"no job"')`);
  await add('user', 'good');

  expect(await once()).toBe(3);
  expect(subjects()).toEqual(['good']);
  expect((await rows()).map(({ refused }) => refused)).toEqual([
    'subject: must be a string; message: must be a string',
    expect.stringContaining('kind'),
    null,
  ]);
});

withPostgres('rows that are never sent hold back the later ones of their groups only', async (pool) => {
  const { add, log, producer, subjects, rows } = await start(pool, ({ subject }) => subject === 'stuck');
  for (let n = 0; n < 150; n++) await add(`stuck-${n}`, 'stuck');
  await add('stuck-7', 'behind');
  for (let n = 0; n < 5; n++) await add('user', `${n}`);

  const stop = new AbortController();
  const relaying = relay(pool, producer, log, stop.signal);
  while ((await rows()).filter(({ sent }) => sent !== null).length < 5);
  stop.abort();
  await relaying;

  expect(subjects()).toEqual(['0', '1', '2', '3', '4']);
});

withPostgres('of two relays one sends at a time, and nothing is sent twice', async (pool) => {
  const { add, log, producer, rows, subjects } = await start(pool);
  for (let n = 0; n < 250; n++) await add(`user-${n % 7}`, `${n}`);
  let sending = 0;
  const batch: typeof producer.batch = async (jobs) => {
    expect(++sending).toBe(1);
    return producer.batch(jobs).finally(() => sending--);
  };

  const stop = new AbortController();
  const relays = [1, 2].map(() => relay(pool, { batch }, log, stop.signal));
  while ((await rows()).some(({ sent }) => sent === null));
  stop.abort();
  await Promise.all(relays);

  expect(new Set(subjects()).size).toBe(250);
  expect(subjects()).toHaveLength(250);
  for (let user = 0; user < 7; user++) {
    const ofUser = subjects().filter((subject) => Number(subject) % 7 === user);
    expect(ofUser).toEqual(ofUser.toSorted((a, b) => Number(a) - Number(b)));
  }
});

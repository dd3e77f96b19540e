import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { enqueue, OUTBOX } from '../../../examples/express-api/src/outbox';
import { startAws } from '../../support/emulators';
import { outboxRelay } from '../../support/outbox-relay';
import { startPostgres } from '../../support/postgres';

test('a relay that is killed between any two steps loses no row, and the next one sends none twice', async () => {
  const postgres = await startPostgres();
  if (!postgres) return;
  const aws = await startAws({ queues: ['my-feedback.fifo'] });
  const pool = postgres.pool();
  await pool.query(OUTBOX);
  let added = 0;
  const add = async () => {
    const data = { user: { email: 'user@example.com' }, subject: `${added++}`, message: 'It works.' };
    await enqueue(pool, { kind: 'feedback', data, options: { principal: 'client-1' } });
  };
  /** The signal that ended a relay. */
  const killed = async (steps: number) => {
    const given = [postgres.host, JSON.stringify(aws.endpoints), String(steps)];
    const relay = spawn(process.execPath, ['--import', 'tsx', 'tests/support/outbox-relay.ts', ...given]);
    const [, signal] = (await once(relay, 'exit')) as [number | null, string | null];
    return signal;
  };

  let kills = 0;
  for (let signal: string | null = 'SIGKILL'; signal !== null; kills++) {
    await add();
    await add();
    signal = await killed(kills);
    await outboxRelay(postgres.host, aws.endpoints, () => {});
  }

  const { rows } = await pool.query('select sent, refused from outbox');
  const subjects = aws.model.messages('my-feedback.fifo').map(({ body }) => JSON.parse(body).data.subject);
  expect(kills).toBeGreaterThan(10);
  expect(rows.every(({ sent, refused }) => sent !== null && refused === null)).toBe(true);
  expect(subjects).toEqual(rows.map((_, n) => `${n}`));
  await aws.close();
  await postgres.stop();
});

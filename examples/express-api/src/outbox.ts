import { setTimeout as pause } from 'node:timers/promises';
import { type BatchJob, type BatchResult, type Producer, StoreError } from 'background-jobs-producer';
import type { Log } from './log';

/** What a client of `pg` does. */
export interface Database {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** What a pool of `pg` does. */
export interface Pool {
  connect(): Promise<Database & { release(destroy?: boolean): void }>;
}

/** For a migration of the API's own database. `json` keeps the text of a job as it is. */
export const OUTBOX = `
create table outbox (
  place bigint generated always as identity primary key,
  id uuid not null unique default gen_random_uuid(),
  job json not null,
  sent uuid,
  refused text
);
create index outbox_waiting on outbox (place) where sent is null and refused is null;
`;

const MOST_ROWS = 100;
/** With more rows that wait, the service is down. */
const MOST_WAITING = 10_000;
const MINE = `select pg_try_advisory_xact_lock('outbox'::regclass::oid::bigint) as mine`;
const WAITING = `
select place, id, job from outbox where sent is null and refused is null order by place limit $1`;
const SETTLE = `
update outbox set sent = settled.sent, refused = settled.refused
from unnest($1::bigint[], $2::uuid[], $3::text[]) as settled (place, sent, refused)
where outbox.place = settled.place`;

interface Row {
  place: string;
  id: string;
  job: BatchJob;
}

/** Puts a job into the transaction of `client`. A job without a principal is the system's. Answers the row's id. */
export async function enqueue(client: Database, job: BatchJob): Promise<string> {
  const { rows } = await client.query('insert into outbox (job) values ($1) returning id', [JSON.stringify(job)]);
  return (rows[0] as Row).id;
}

/** The row's id is the key. So a row that is sent again, after a crash in between, is the same job. */
function keyed({ id, job }: Row): BatchJob {
  const { key = id, ...options } = job.options ?? {};
  const owner = options.principal === undefined ? { system: true } : {};
  return { ...job, options: { key, ...options, ...owner } } as BatchJob;
}

/**
 * Sends the oldest committed rows, at most `most`. `settled`: how many it sent, or set aside with the reason why they are
 * refused. A row that the service cannot take now waits, and with it the later ones of its message group. One relay
 * sends at a time, because two could send a group out of order.
 */
export async function relayOnce(pool: Pool, producer: Pick<Producer, 'batch'>, log: Log, most = MOST_ROWS) {
  const client = await pool.connect();
  let done = false;
  try {
    await client.query('begin');
    const [lock] = (await client.query(MINE)).rows as [{ mine: boolean }];
    // A statement of its own, because it must see what the relay before has committed.
    const rows = lock.mine ? ((await client.query(WAITING, [most])).rows as Row[]) : [];
    const results = rows.length === 0 ? [] : await producer.batch(rows.map(keyed));
    const settled = results.flatMap((result, n) => outcome(rows[n] as Row, result));
    if (settled.length > 0) {
      const column = (of: keyof Settled) => settled.map((row) => row[of]);
      await client.query(SETTLE, [column('place'), column('sent'), column('refused')]);
    }
    await client.query('commit');
    done = true;
    const waits = results.find(({ error }) => error instanceof StoreError)?.error as StoreError | undefined;
    if (waits) log('rows of the outbox wait', { code: waits.code });
    return { settled: settled.length, waiting: rows.length - settled.length };
  } finally {
    // A connection that is closed rolls its transaction back.
    client.release(!done);
  }
}

interface Settled {
  place: string;
  sent: string | null;
  refused: string | null;
}

function outcome({ place }: Row, { accepted, error }: BatchResult): Settled[] {
  if (accepted) return [{ place, sent: accepted.id, refused: null }];
  return error instanceof StoreError ? [] : [{ place, sent: null, refused: error.message }];
}

const EVERY_MS = 1_000;

/**
 * Sends rows until `signal` is aborted. Any number of processes may run it. Rows that wait are sent again together with
 * a hundred later ones, because only the batch knows which of them are of one group.
 */
export async function relay(pool: Pool, producer: Pick<Producer, 'batch'>, log: Log, signal: AbortSignal) {
  let waiting = 0;
  while (!signal.aborted) {
    const most = MOST_ROWS + Math.min(waiting, MOST_WAITING);
    const done = await relayOnce(pool, producer, log, most).catch((error: unknown) => {
      log('the outbox waits', { error: error instanceof Error ? error.name : typeof error });
      return { settled: 0, waiting: 0 };
    });
    waiting = done.waiting;
    if (done.settled === 0) await pause(EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

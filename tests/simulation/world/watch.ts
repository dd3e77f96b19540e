import { gunzipSync } from 'node:zlib';
import { CANARY_TYPE, isEnd, type JobRow } from '../../../lib/engine/jobs/row';
import { ROW_DAMAGED, rowOf, UnreadableRowError } from '../../../lib/engine/jobs/row-schema';
import { ARROWS, type ArrowName, ILLEGAL_TRANSITION, mayFollow } from '../../../lib/engine/jobs/transitions';
import type { PlaceName } from '../../../lib/operate/ops/places';
import type { Completion, Facts, Item, OutgoingMessage, SentMessage } from '../../../lib/platform/ports';
import { completionSchema } from '../../docs/completion-schema';
import { inState } from '../../support/in-state';
import { placeOfKey } from '../../support/places';
import { toldEnd } from '../promises/told-ends';

/** A mark in every secret and personal value of a run. */
export const MARK = 'zq7private';

/** The places of personal data that may hold it in the clear. */
const MAY_HOLD: ReadonlySet<string> = new Set<PlaceName>([
  ...(['bodies', 'lists', 'data', 'uploads', 'files', 'events', 'parquet', 'rejected'] as const),
]);
const SERVICE_QUEUES = ['feedback', 'emails', 'testflight', 'analytics'];

/** The text of an object. Objects of analytics are compressed. */
export function textOf(body: string | Uint8Array): string {
  if (typeof body === 'string') return body;
  const isGzip = body[0] === 0x1f && body[1] === 0x8b;
  return Buffer.from(isGzip ? gunzipSync(body) : body).toString('utf8');
}

/** Whether an S3 key is that of a job's record. Other objects are in other folders. */
export const isRecord = (key: string): boolean => /^jobs\/[^_/][^/]*\/year=.*\.json$/.test(key);

const parses = (item: Item): boolean => {
  try {
    return rowOf(item, Number.POSITIVE_INFINITY) !== undefined;
  } catch (error) {
    if (error instanceof UnreadableRowError && error.code === ROW_DAMAGED) return false;
    throw error;
  }
};

const where = (row: JobRow | undefined): string => (row ? `${row.state} (${row.reason})` : 'no row');

/** Whether a row follows from the one before by an arrow, or only says more. A job without a row counts as queued. */
function isLegal(before: Pick<JobRow, 'state' | 'reason'> = { state: inState('queued') }, after: JobRow): boolean {
  if (before.state === after.state && before.reason === after.reason) return true;
  const arrows = Object.keys(ARROWS) as ArrowName[];
  return arrows.some((arrow) => mayFollow(before, arrow) && ARROWS[arrow].to === after.state);
}

interface Watched {
  now: () => number;
  reached: (what: string) => void;
  /** Whether any call has failed or any process has died so far. */
  inDoubt: () => boolean;
}

/** Checks all that a run stores, sends, logs or causes, at the moment when it happens. */
export function createWatch({ now, reached, inDoubt }: Watched) {
  /** Called on every change of stored data. */
  const onChange: (() => void)[] = [];
  /** Called on every death of a job. `nth`: how many have died so far in this run, this one included. */
  const onDeath: ((death: { row: JobRow; nth: number }) => void)[] = [];
  /** Called with every version of an item, and the one before: of a row, and of any other item. */
  const onItem: ((item: Item, before: Item | undefined) => void)[] = [];
  const onRow: ((row: JobRow, before: JobRow | undefined) => void)[] = [];
  let violation: string | undefined;
  let changes = 0;
  let deaths = 0;
  const items = new Map<string, Item>();
  const rows = new Map<string, JobRow>();
  const broken = new Set<string>();
  /** All ends of each job, by key of the row. */
  const ends = new Map<string, readonly JobRow[]>();
  /** By job: when its first effect took place. */
  const effects = new Map<string, number>();
  const counts = new Map<string, number>();
  /** By job: its first message, and SQS's number of it, by which messages sort. A standard queue gives none. */
  const firsts = new Map<string, { sequence: string; messageId: string }>();
  const bodies = new Map<string, string>();
  /** The last event of each id of a queue. A sender in another language may use an id in several queues. */
  const published = new Map<string, Completion>();

  const violated = (sentence: string) => {
    violation ??= sentence;
  };
  const secret = (where: string, text: string) => {
    if (text.includes(MARK)) violated(`everything private stays in: ${where} shows it: ${text.slice(0, 200)}`);
  };
  const change = () => {
    changes += 1;
    for (const listener of onChange) listener();
  };

  function ended(row: JobRow): void {
    const known = ends.get(row.key) ?? [];
    const { generation, state, endedAt } = row;
    // Two ends can have the same time, because the clocks of two processes differ.
    if (known.some((end) => end.generation === generation && end.state === state && end.endedAt === endedAt)) return;
    ends.set(row.key, [...known, row]);
    if (row.state !== 'dead') return;
    deaths += 1;
    for (const listener of onDeath) listener({ row, nth: deaths });
  }

  function canary(row: JobRow): void {
    const { state, reason, steps, recordedAt, parkedAt, bodyKept, todo, accepted } = row;
    reached(`canary ${state}`);
    if (state === 'held') violated(`canaries never wait: ${row.id} is held`);
    if (reason === 'error') violated(`canaries cannot fail: ${row.id} is dead`);
    const left = [recordedAt, parkedAt, bodyKept, todo, accepted, ...Object.keys(steps)].filter(Boolean);
    if (left.length > 0) violated(`canaries leave nothing: ${row.id} has ${left.join()}`);
  }

  const watch = {
    /** The first broken promise, in a sentence. */
    violation: () => violation,
    violated,
    items,
    /** The row under a key, or the last one that parsed. */
    row: (key: string) => rows.get(key),
    /** All rows that parse, except those of canaries. */
    rows: () => [...rows.values()].filter(({ canary, key }) => !canary && !broken.has(key)),
    broken,
    ends,
    effects,
    firsts,
    bodies,
    published,
    changes: () => changes,
    changed: change,

    stored: (item: Item) => {
      const last = items.get(item.key);
      items.set(item.key, item);
      change();
      if (!('payloadHash' in item)) {
        if (item.key.startsWith('evidence#')) reached('evidence of an event');
        for (const listener of onItem) listener(item, last);
        return;
      }
      const before = rows.get(item.key);
      const row = item as unknown as JobRow;
      // Only a run that had read the whole row may replace a damaged one, and it writes a whole one.
      if (broken.delete(item.key) && !parses(item)) violated(`nothing lost: ${row.id} was written, but does not parse`);
      rows.set(item.key, row);
      if ((before?.schema ?? 0) > (row.schema ?? 0)) violated(`nothing twice: older code replaced the newer ${row.id}`);
      if (!isLegal(before, row))
        violated(`everything explained: no arrow leads ${row.id} from ${where(before)} to ${where(row)}`);
      if (row.canary) return canary(row);
      reached(`state ${row.state}${row.reason ? `(${row.reason})` : ''}`);
      for (const [name, { status }] of Object.entries(row.steps)) {
        reached(`step ${name} ${status}`);
        if (status === 'unknown' && !inDoubt())
          violated(`nothing twice: ${name} of ${row.id} is unknown, though every call was answered`);
      }
      if (row.state === 'dead' && row.error) reached(`code ${row.error.code}`);
      if (isEnd(row.state)) ended(row);
      for (const listener of onRow) listener(row, before);
    },

    /** A row that no function of the service wrote: it was damaged, or the next release wrote it. */
    replaced: (item: Item) => {
      items.set(item.key, item);
      if (!('payloadHash' in item)) return change();
      if (parses(item)) {
        broken.delete(item.key);
        rows.set(item.key, item as unknown as JobRow);
      } else broken.add(item.key);
      change();
    },
    removed: (key: string) => {
      items.delete(key);
      rows.delete(key);
      change();
    },

    kept: (key: string, body: string | Uint8Array) => {
      change();
      if (textOf(body).includes(MARK)) {
        const place = placeOfKey(key, 'jobs', SERVICE_QUEUES);
        if (!place || !MAY_HOLD.has(place)) violated(`everything private stays in: ${place ?? 'no place'} has ${key}`);
        reached(`personal data in ${place}`);
      }
      if (!isRecord(key) || typeof body !== 'string') return;
      const record = JSON.parse(body) as { queue: string; id: string; state: string; endedAt: string };
      const written = ends.get(`${record.queue}#${record.id}`) ?? [];
      const endedAt = Date.parse(record.endedAt);
      if (!written.some((row) => row.endedAt === endedAt && row.state === record.state))
        violated(`nothing lost: a record says ${record.state} of ${record.id}, a state that its row never had`);
    },

    publish: (completion: Completion) => {
      const { id, job, queue } = completion;
      const known = ends.get(`${queue}#${job}`) ?? [];
      if (!known.some((end) => toldEnd(end).id === id)) violated(`everything explained: ${id} is no stored end`);
      if (known.every((end) => end.resends || toldEnd(end).endedAt !== completion.endedAt))
        violated(`nothing twice: ${id} is published again, after its mail was resent`);
      if (!completionSchema.safeParse(completion).success)
        violated(`everything explained: the event ${id} breaks its schema`);
      published.set(`${queue}#${id}`, completion);
      reached('event of an end');
      change();
    },

    /** Something that people and other programs see. It must hold nothing personal. */
    shown: (where: string, what: unknown) => secret(where, JSON.stringify(what)),

    sent: (name: string, message: OutgoingMessage, { messageId, sequenceNumber = '' }: SentMessage) => {
      change();
      if (message.body.includes(CANARY_TYPE)) {
        const isOurs = [...rows.values()].some(({ canary, id }) => canary && id === message.attributes?.job);
        if (isOurs && name.includes('-dlq')) violated('canaries leave nothing: one has an entry in the DLQ');
        return;
      }
      if (name.includes('-dlq')) {
        secret('a DLQ attribute', JSON.stringify(message.attributes ?? {}));
        if (!message.attributes?.code || !message.attributes.reason)
          violated(`everything explained: ${name} got an entry without a reason`);
      }
      const id = /"id":"([^"]+)"/.exec(message.body)?.[1];
      // The body of another job may have this id too: what was no job has an id and an attribute of its own.
      if (!id || name.includes('-dlq') || (message.attributes?.job ?? id) !== id) return;
      if (!firsts.has(id)) firsts.set(id, { sequence: sequenceNumber, messageId });
      bodies.set(id, message.body);
    },

    logged: (message: string, facts?: Facts) => {
      const text = JSON.stringify([message, facts]);
      secret('a log line', text);
      const code = facts && 'code' in facts ? facts.code : undefined;
      if (code === 'EngineFailed' || code === ILLEGAL_TRANSITION) violated(`the engine failed: ${text}`);
    },
    measured: (name: string, dimensions: Record<string, string>) =>
      secret('a metric', JSON.stringify([name, dimensions])),

    happened: (what: string, job: string) => counts.has(`${what} ${job}`),
    /** Records a side effect of a job. With `once`, a second one breaks a promise. */
    effect: (what: string, job: string, once: boolean) => {
      change();
      const key = `${what} ${job}`;
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (!effects.has(job)) effects.set(job, now());
      reached(`effect ${what}`);
      if (once && count > 1) violated(`nothing twice: ${count} × ${what} of job ${job}`);
    },
  };
  return { watch, onChange, onDeath, onItem, onRow };
}

export type Watch = ReturnType<typeof createWatch>['watch'];

import { mailboxOf } from '../../engine/jobs/address';
import type { FileNote } from '../../engine/jobs/files';
import { endLease, leases, readItem, takeLease } from '../../engine/jobs/items';
import { bodyKey, dataPrefix, ERASED, fileKey, jobKey } from '../../engine/jobs/keys';
import { putRecord } from '../../engine/jobs/record';
import { type JobRow, redacted, withEntry } from '../../engine/jobs/row';
import { UnreadableRowError } from '../../engine/jobs/row-schema';
import { needsEntry } from '../../engine/jobs/schedule';
import { cancel, mayFollow } from '../../engine/jobs/transitions';
import { finish } from '../../engine/worker/close';
import { mapEach } from '../../platform/concurrency';
import { codeOf } from '../../platform/errors';
import { groupBy } from '../../platform/group-by';
import { writeCounts } from '../../queues/analytics/counts';
import { countsKey, hourIn, hourOf, parquetPrefix } from '../../queues/analytics/keys';
import { ANALYTICS_QUEUE, hoursKey } from '../../queues/analytics/queue';
import { type ActingDeps, type Deployment, OperatorError, operatorEntry } from './operator';
import { type Found, type Matcher, matcherOf, SCANS, type Scan, type ScanName } from './person';
import type { PlaceName } from './places';
import type { Person } from './search';

/** What an erasure did. It names keys and ids, and nothing personal. */
export interface Erased {
  erased: Partial<Record<PlaceName, number>>;
  left: { place: PlaceName; key: string; why: string }[];
}

const AT_ONCE = 8;

/**
 * Erases what a search found about a person. Each step can be repeated: interrupted at any call and run again, with
 * what a new search finds, it completes. A row keeps its hashes until all else of its job is erased, so that the search
 * finds it again. Nothing of another person changes. Rejects with a StoreError if the table or the bucket fails.
 */
export async function erasePerson(
  deps: ActingDeps & Pick<Deployment, 'suppression'>,
  person: Person,
  { found, onProgress = () => {} }: { found: readonly Found[]; onProgress?: (done: number) => void },
): Promise<Erased> {
  const matcher = await matcherOf(deps, person);
  const result: Erased = { erased: {}, left: [] };
  const own = new Set(found.filter(({ place, unread }) => place === 'rows' && !unread).map(({ key }) => key));
  let done = 0;
  const attempt: Attempt = async ({ place, key, unread }, erase) => {
    const why = unread ?? (await erase().catch(refused));
    if (why === undefined) result.erased[place] = (result.erased[place] ?? 0) + 1;
    else if (why !== NOTHING) result.left.push({ place, key, why });
    onProgress(++done);
  };
  const rest = groupBy(found, ({ place }) => place);
  const each = (place: PlaceName, erase: (one: Found) => Promise<string | undefined>) =>
    mapEach(rest.get(place) ?? [], AT_ONCE, (one) => attempt(one, () => erase(one)));

  // Before all else, so that a list which still has the address sends nothing.
  const addresses = person.email === undefined ? [] : [person.email, mailboxOf(person.email)];
  await deps.suppression?.add(addresses.map((email) => ({ email, reason: 'erased' })));
  await each('rows', ({ key }) => eraseJob(deps, key, own));
  // The body of a job without a row, or of one whose program gave no hash of the person.
  for (const place of ['bodies', 'data'] as const) await each(place, (one) => eraseWithJob(deps, one, own));
  await each('uploads', ({ key, job }) => (job ? eraseFile(deps, key, own) : rewrite(deps, 'uploads', key, matcher)));
  for (const place of ['lists', 'records', 'rejected'] as const)
    await each(place, ({ key }) => rewrite(deps, place, key, matcher));
  const ofHours = (['events', 'parquet'] as const).flatMap((place) => rest.get(place) ?? []);
  const hours = groupBy(ofHours, ({ key }) => `${hourOf(key) ?? 0}`);
  for (const [hour, objects] of hours) await eraseHour(deps, Number(hour), { objects, matcher, attempt });
  return result;
}

/** Resolves to why something was left. */
type Erase = () => Promise<string | undefined>;
type Attempt = (one: Pick<Found, 'place' | 'key' | 'unread'>, erase: Erase) => Promise<void>;
const NOTHING = 'nothing';

function refused(error: unknown): string {
  if (error instanceof OperatorError) return error.message;
  if (error instanceof SyntaxError) return codeOf(error);
  if (error instanceof UnreadableRowError) return `${error.message}. Restore the row, then run the command again.`;
  throw error;
}

const TRIES = 5;
const SECOND_MS = 1_000;

/**
 * Ends a job, so that no message opens it, then erases what belongs to it. A run that has it ends first. The record
 * follows from the row. The hashes in the row go last.
 */
async function eraseJob(deps: ActingDeps, key: string, own: ReadonlySet<string>): Promise<string | undefined> {
  const { ledger, objects, prefix } = deps;
  const row = await closed(deps, key);
  if (!row) return NOTHING;
  await putRecord(deps, await finish(deps, row));
  const { queue, id } = row;
  for (const file of row.files ?? []) await eraseFile(deps, file, own);
  for (const claim of await objects.list(`${dataPrefix(prefix, queue)}${id}/`)) await objects.delete(claim);
  await objects.delete(bodyKey(prefix, queue, id));
  await ledger.update(key, (now) => ({ ...redacted(now), ...(now.bodyKept && { bodyKept: false }) }));
  return undefined;
}

/** The job's row, ended and marked as erased. `undefined`: there is none. */
async function closed(deps: ActingDeps, key: string): Promise<JobRow | undefined> {
  const { ledger, clock } = deps;
  for (let tries = 0; tries < TRIES; tries++) {
    const row = await ledger.get(key);
    if (!row || row.erased) return row;
    const waitMs = row.state === 'processing' ? (row.lease?.until ?? 0) - clock.now() : 0;
    if (waitMs > 0) await clock.sleep(waitMs + SECOND_MS);
    else {
      const result = await ledger.write(marked(deps, row), row.version);
      if (result.written) return result.item;
    }
  }
  throw new OperatorError('A worker has the job. Run the command again in a few minutes.');
}

function marked(deps: ActingDeps, row: JobRow): JobRow {
  const entry = operatorEntry(deps, 'erased (operator)');
  const { at, note } = entry;
  const noted = withEntry({ ...row, erased: true as const }, entry);
  const ended = mayFollow(row, 'cancel') ? cancel(noted, at, note) : noted;
  // The reconciler deletes the entry on its next walk, even one that is still on its way.
  const discarded = ended.state === 'dead' ? { leftDlqAt: at, discarded: true as const } : {};
  const parked = needsEntry(ended) ? { parkedAt: ended.parkedAt ?? at } : {};
  const steps = Object.fromEntries(
    Object.entries(ended.steps).map(([name, { confidential: _confidential, hash: _hash, ...step }]) => [name, step]),
  );
  return { ...ended, ...discarded, ...parked, steps };
}

const OF_JOB = /\/_(?:bodies\/([^/]+)\/(.+)|data\/([^/]+)\/([^/]+)\/[\da-f]{64})$/;

/** A body or large data that no hash in a row led to: the job ends first, so that it never runs without it. */
async function eraseWithJob(deps: ActingDeps, { key }: Found, own: ReadonlySet<string>): Promise<string | undefined> {
  const [, ofBody, idOfBody, queue = ofBody, id = idOfBody] = OF_JOB.exec(key) ?? [];
  if (queue === ANALYTICS_QUEUE) return 'it holds events of others too, and goes with its job or by age';
  const row = jobKey(queue ?? '', id ?? '');
  if (id !== undefined && !own.has(row)) await eraseJob(deps, row, new Set([...own, row]));
  await deps.objects.delete(key);
  return undefined;
}

/** Deletes a file of the person's jobs, unless another job names it too. */
async function eraseFile(deps: ActingDeps, file: string, own: ReadonlySet<string>): Promise<string | undefined> {
  const note = await readItem<FileNote>(deps, fileKey(file));
  if (!note?.jobs?.every((job) => own.has(job))) return 'jobs of others may name it';
  await deps.objects.delete(file);
  return undefined;
}

/** Writes an object again without what is about the person, in place of the version that was read. */
async function rewrite({ objects }: Pick<ActingDeps, 'objects'>, place: ScanName, key: string, matcher: Matcher) {
  const { look }: Scan = SCANS[place];
  for (;;) {
    const stored = await objects.read(key);
    const { found, without } = stored ? await look(stored.bytes, matcher, key) : { found: [] };
    if (!stored || !without || found.length === 0) return NOTHING;
    const next = without();
    const metadata = { ...stored.metadata, ...next.metadata, [ERASED]: 'true' };
    if ((await objects.replace(key, next.body, next.type, stored.etag, metadata)) === 'replaced') return undefined;
  }
}

const damaged = (error: unknown) => (error instanceof Error && !('code' in error) ? 'damaged' : Promise.reject(error));

const LEASE_MS = 30 * 60_000;
const WAIT_MS = 30_000;
/** S3 takes a request so long after it was signed, and clocks differ a little. */
const LATEST_MS = 15 * 60_000 + SECOND_MS;

/**
 * Erases the events of an hour, and then its Parquet objects. The function that writes hours adds what it has read
 * before to what is stored, so it must not run meanwhile. A write of a run that died or failed must have landed. If
 * the lease has ended by then, all is done once more.
 */
async function eraseHour(
  deps: ActingDeps,
  hour: number,
  { objects, matcher, attempt }: { objects: readonly Found[]; matcher: Matcher; attempt: Attempt },
): Promise<void> {
  const { clock, prefix } = deps;
  for (;;) {
    const until = clock.now() + LEASE_MS;
    const lease = await takeLease(deps, leases, hoursKey, until);
    if (!lease) {
      await clock.sleep(WAIT_MS);
      continue;
    }
    const waitMs = (lease.doubtAt ?? 0) + LATEST_MS - clock.now();
    if (waitMs > 0) await clock.sleep(waitMs);
    for (const one of objects.filter(({ place }) => place === 'events'))
      await attempt(one, () => rewrite(deps, 'events', one.key, matcher));
    // An hour may have been written since the search.
    const parts = await deps.objects.list(hourIn(parquetPrefix(prefix), hour));
    // If this is interrupted, the hour is not counted rather than counted as it was.
    if (parts.length > 0) await deps.objects.put(countsKey(prefix, hour), '', 'application/json');
    for (const key of parts)
      await attempt({ place: 'parquet', key }, () => rewrite(deps, 'parquet', key, matcher).catch(damaged));
    await writeCounts(deps, hour).catch(damaged);
    await endLease(deps, leases, lease);
    if (clock.now() < until) return;
  }
}

export const countsOf = (found: readonly Pick<Found, 'place'>[]): Partial<Record<PlaceName, number>> =>
  Object.fromEntries([...groupBy(found, ({ place }) => place)].map(([place, { length }]) => [place, length]));

/** What a search finds about a person, without the data, and the tickets in Zendesk that it names. */
export async function foundOf(search: AsyncIterable<Found>) {
  const found: Omit<Found, 'data'>[] = [];
  const tickets = new Set<string>();
  for await (const { data, ...one } of search) {
    found.push(one);
    for (const ticket of ticketsIn(one.place === 'records' ? data : [data])) tickets.add(ticket);
  }
  return { found, tickets: [...tickets] };
}

/** Erases what was found, with the tickets if an operator's token is known. The report says what stays, and until when. */
export async function eraseFound(
  deps: ActingDeps & Pick<Deployment, 'suppression' | 'zendesk'>,
  person: Person,
  { tickets, ...of }: { found: readonly Found[]; tickets: readonly string[]; onProgress?: (done: number) => void },
) {
  const { audit, clock, zendesk } = deps;
  // First, because only the rows and records name them. A repeat of an interrupted erasure finds them again.
  const deleted: Record<string, string> = {};
  for (const ticket of zendesk ? tickets : []) {
    const job = zendesk && (await deleteTicket(zendesk, ticket));
    if (job !== undefined) deleted[ticket] = job;
  }
  const result = await erasePerson(deps, person, of);
  const left = tickets.filter((ticket) => !(ticket in deleted));
  const at = new Date(clock.now()).toISOString();
  return { audit, at, ...result, inZendesk: { deleted }, ...restOf(deps, left) };
}

const ticketsIn = (data: unknown): string[] =>
  [data].flat(2).flatMap((one) => {
    const { steps } = (one ?? {}) as { steps?: { ticket?: { result?: { id?: unknown } } } };
    return steps?.ticket?.result?.id === undefined ? [] : [String(steps.ticket.result.id)];
  });

const CALL_MS = 10_000;

/**
 * Deletes a ticket for good, as a ticket and then among the deleted ones. Resolves to the id of Zendesk's job that does
 * it, or to `undefined` if the ticket may still be there: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/
 */
async function deleteTicket({ endpoint, authorization }: NonNullable<Deployment['zendesk']>, ticket: string) {
  const request = { method: 'DELETE', headers: { authorization }, redirect: 'error' as const };
  let answer: Response | undefined;
  for (const folder of ['tickets', 'deleted_tickets']) {
    const url = `${endpoint}/${folder}/${encodeURIComponent(ticket)}.json`;
    answer = await fetch(url, { ...request, signal: AbortSignal.timeout(CALL_MS) }).catch(() => undefined);
  }
  const body = await answer?.json().catch(() => undefined);
  return (body as { job_status?: { id: string } } | undefined)?.job_status?.id;
}

const DAY_MS = 86_400_000;

/** What no command can erase: what remains by hand, and when the rest lapses. */
function restOf({ clock, settings, queueNames }: ActingDeps, tickets: readonly string[]) {
  const on = (days: number) => new Date(clock.now() + days * DAY_MS).toISOString().slice(0, 10);
  const waits = Math.max(...queueNames.map((queue) => settings(queue).retention / 86_400));
  const lapses: [days: number, what: string][] = [
    [waits, 'messages on their way, which may still bring events or jobs. Run the command again then'],
    [30, 'old versions of objects'],
    [35, 'backups of the table'],
    [90, 'logs, with ids of jobs, unless logs.retention is longer'],
    [120, 'files that the API put into the bucket itself, keyed hashes in other items of the table'],
  ];
  return {
    byHand: [
      {
        vendor: 'zendesk',
        what: 'delete these tickets for good, and their requester if no other ticket needs it',
        tickets,
      },
      { vendor: 'sendgrid', what: 'delete the address from contacts, and its activity' },
      { vendor: 'apple', what: 'remove the tester from each app' },
    ],
    lapses: lapses.map(([days, what]) => ({ what, on: on(days) })),
  };
}

import { sha256 } from '../../../lib/engine/jobs/envelope';
import { jobKey, todoKey } from '../../../lib/engine/jobs/keys';
import { isEnd, type JobRow } from '../../../lib/engine/jobs/row';
import type { Input } from '../world/callers';
import { campaignUnrest, isPaused, isUnknown } from '../world/campaigns';
import { waitsForRow } from '../world/damage';
import { entriesOf, type Message, mainQueue, serviceQueue } from '../world/names';
import { isLeftOver } from '../world/strangers';
import type { World } from '../world/types';

/** Checks a run at rest. Answers what is broken, in a sentence that begins with the promise. */
export type Promised = (world: World, inputs: readonly Input[]) => string | undefined | Promise<string | undefined>;

export function rowOf(watch: World['watch'], queue: string, { id, body }: Input): JobRow | undefined {
  const row = watch.row(`${queue}#${id}`);
  if (row || body === undefined) return row;
  const hash = sha256(body);
  return watch.rows().find(({ payloadHash }) => payloadHash === hash);
}

/** Why a run is not at rest. It is at rest once only operators have something left to do. */
export function unrest(world: World): string[] {
  const { watch, sqs, processes } = world;
  if (processes.size > 0) return [`${processes.size} processes are running`];
  const waiting = sqs.messages(mainQueue(world)).length;
  if (waiting > 0) return [`${waiting} messages wait in the queue`];
  const rows = watch.rows();
  const stopped = rows.filter(isStopped);
  const forbidden = onlyForbiddenLeft(world, stopped);
  // A step for which evidence has come runs again by itself.
  const forPerson = rows.filter((row) => (isUnknown(row) && !isProven(row)) || (forbidden && isStopped(row)));
  const restless = rows.filter(
    (row) =>
      !atRest(row) && !forPerson.includes(row) && !isPaused(world, row) && !(isGhost(world, row) && !isEnd(row.state)),
  );
  if (restless.length > 0) return restless.map((row) => `${row.id} is ${row.state} (${row.reason})${missing(row)}`);
  const campaigns = campaignUnrest(world);
  if (campaigns.length > 0) return campaigns;
  if (hasEvidence(world)) return ['evidence is not in its row yet'];
  const moved = movedEntries(world).length;
  if (moved > 0) return [`${moved} messages in the DLQ came from SQS itself`];
  if (!entriesAgree(world)) return [`${entriesOf(world).length} entries in the DLQ do not match the dead jobs`];
  return [];
}

/** Messages that SQS itself moved to the DLQ, and that wait for no damaged row. */
export const movedEntries = (world: World): Message[] =>
  entriesOf(world).filter((entry) => entry.moved && !waitsForRow(world, entry));

/**
 * Whether the DLQ holds exactly the entries of the dead jobs. Their numbers alone could match by chance. All entries of
 * a row that does not parse stay, also one from before a retry.
 */
export function entriesAgree(world: World): boolean {
  const { watch } = world;
  const dead = watch.rows().filter(({ todo }) => todo === todoKey(serviceQueue(world), 'dead'));
  const wanted = dead.map(({ id, parkedFrom }) => `${id} ${parkedFrom}`);
  const there = entriesOf(world)
    .filter(({ attributes: { job = '' } }) => !watch.broken.has(jobKey(serviceQueue(world), job)))
    .filter((entry) => !waitsForRow(world, entry))
    .map(({ attributes: { job, messageId } }) => `${job} ${messageId}`);
  return wanted.toSorted().join() === there.toSorted().join();
}

/** The key of the row that `evidence#{queue}#{step}#{id}` is about. */
const jobOf = (key: string): string => key.replace(/^evidence#([^#]+)#[^#]+#/, '$1#');

export function hasEvidence(world: World): boolean {
  const queue = serviceQueue(world);
  const waiting: unknown[] = ['evidence', 'reports'].map((kind) => todoKey(queue, kind));
  if (queue === 'emails') waiting.push(todoKey('mail', 'suppress'));
  const { items, broken } = world.watch;
  return [...items.values()].some((item) => waiting.includes(item.todo) && !broken.has(jobOf(item.key)));
}

/** How often what fits was reached. */
export const timesReached = ({ reached }: World, what: RegExp): number =>
  [...reached].reduce((sum, [name, count]) => sum + (what.test(name) ? count : 0), 0);

export const isParked = ({ state, reason }: JobRow): boolean => state === 'dead' && reason !== 'expired';
/** Whether evidence is about a step that the row still calls unknown. */
const isProven = ({ steps, evidence = {} }: JobRow): boolean =>
  Object.keys(evidence).some((step) => steps[step]?.status === 'unknown');

const isStopped = ({ state, reason }: JobRow): boolean => state === 'held' && reason === 'stopped';

function atRest(row: JobRow): boolean {
  // The reconciler resolves the unknown steps of an ended job for which evidence has come.
  if (isProven(row)) return false;
  // A replaced job needs no entry.
  const isWhole = !isParked(row) || row.parkedAt !== undefined || row.replacedBy !== undefined;
  return isEnd(row.state) && row.recordedAt !== undefined && isWhole;
}

const missing = (row: JobRow): string =>
  isEnd(row.state) ? `, recorded ${row.recordedAt !== undefined}, parked ${row.parkedAt !== undefined}` : '';

/**
 * An invalid message is known by its id alone, and a move by SQS gives an unfinished message a new id. It then starts
 * again under a new row, and its old row ends as expired.
 */
export const isGhost = (world: World, row: JobRow): boolean =>
  isLeftOver(world, row) || (row.id.startsWith('invalid/') && world.plan.redrives.some(({ how }) => how !== 'command'));

/**
 * If the vendor permanently refuses two jobs and no other job can be the trial call, only an operator can distinguish
 * them from a lost key.
 */
function onlyForbiddenLeft({ plan, watch }: World, rows: JobRow[]): boolean {
  const forbidden = plan.jobs.some(({ kind }) => kind === 'forbidden');
  return forbidden && rows.every(({ id }) => watch.bodies.get(id)?.includes('forbidden'));
}

import { sha256 } from '../../lib/jobs/envelope';
import { recordKey } from '../../lib/jobs/keys';
import { isEnd, type JobRow } from '../../lib/jobs/row';
import type { MemoryObjects } from '../support/memory-objects';
import { type Input, isProduced } from './callers';
import type { Fault } from './faults';
import { deadLetterQueue, isRecord } from './names';
import type { JobKind, Plan } from './plan';
import { MARK } from './watch';
import type { World } from './world';

/** The promises, looked at when a run has come to rest; the first that is broken, in a sentence. */
export function brokenPromise(world: World, inputs: readonly Input[]): string | undefined {
  for (const check of [
    nothingLost,
    recordsAgree,
    deadLettersAgree,
    redrivesTakeEffect,
    endsAreDeserved,
    orderIsKept,
    noBystanders,
    nothingPrivate,
  ]) {
    const broken = check(world, inputs);
    if (broken) return broken;
  }
  return undefined;
}

const MINUTE_MS = 60_000;

type Check = (world: World, inputs: readonly Input[]) => string | undefined;

const nothingLost: Check = ({ watch, plan }, inputs) => {
  for (const input of inputs) {
    const { id, spec } = input;
    const row = rowOf(watch, plan.queue, input);
    // Of a foreign message that expires unread, nobody but SQS ever knew.
    if (!row && (plan.retention ?? plan.dlqRetention) !== undefined && !isProduced(spec.kind)) continue;
    if (!row) return `nothing lost: ${id} (${spec.kind}) has no row`;
    // Sent, not marked as sent, and expired before anybody read it: only the first of these is known.
    if (row.state === 'cancelled' && plan.retention === undefined)
      return `nothing lost: ${id} was accepted, and is cancelled`;
  }
  return undefined;
};

function rowOf(watch: World['watch'], queue: string, { id, body }: Input): JobRow | undefined {
  const row = watch.items.get(`${queue}#${id}`) as JobRow | undefined;
  if (row || body === undefined) return row;
  const hash = sha256(body);
  return watch.rows().find(({ payloadHash }) => payloadHash === hash);
}

const recordsAgree: Check = ({ watch, stores }) => {
  const objects = stores.objects as MemoryObjects;
  const records = new Set(objects.keys().filter(isRecord));
  for (const row of watch.rows()) {
    if (!isEnd(row.state)) continue;
    const key = recordKey('jobs', row);
    if (!records.delete(key)) return `nothing lost: ${row.id} has ended without a record`;
    const record = JSON.parse(objects.text(key)) as JobRow & { endedAt: string };
    const same =
      record.state === row.state &&
      record.reason === row.reason &&
      record.opened === row.opened &&
      Date.parse(record.endedAt) === row.endedAt;
    if (!same)
      return `nothing lost: the record of ${row.id} says ${record.state}, its row ${row.state}, or of another time`;
  }
  const reopened = [...records].filter((key) => !watch.rows().some((row) => recordKey('jobs', row) === key));
  return reopened.length > 0 ? `nothing lost: ${reopened[0]} is the record of no row` : undefined;
};

/** What an operator brought back has come again, if only to kill its process. */
const redrivesTakeEffect: Check = ({ watch, plan }) => {
  if (plan.retention !== undefined) return undefined;
  for (const { id, history } of watch.rows()) {
    const redriven = history.findLast(({ event }) => event === 'redriven (operator)');
    // The note of the redrive can be written after the message has been claimed.
    const since = (redriven?.at ?? 0) - MINUTE_MS;
    const came = history.some(({ at, event }) => at >= since && /^(reopened|returned|dead \(crash)/.test(event));
    if (redriven && !came) return `nothing lost: ${id} was redriven, and never came`;
  }
  return undefined;
};

const deadLettersAgree: Check = (world) => {
  const { watch, sqs } = world;
  const entries = sqs.messages(deadLetterQueue(world)).map(({ attributes }) => attributes.job?.StringValue ?? '');
  const dead = watch
    .rows()
    .filter((row) => row.state === 'dead' && row.reason !== 'expired' && row.leftDlqAt === undefined);
  for (const { id } of dead) if (!entries.includes(id)) return `nothing lost: ${id} is dead, and not in the DLQ`;
  if (new Set(entries).size !== entries.length) return 'nothing twice: a job is in the DLQ twice';
  return undefined;
};

const REFUSED: readonly JobKind[] = [
  ...(['refused', 'not-json', 'no-envelope', 'bad-data', 'unknown-version', 'stolen-id'] as const),
];
const KILLERS: readonly JobKind[] = ['kills-before', 'kills-after'];

const endsAreDeserved: Check = (world, inputs) => {
  const { watch, plan, queue } = world;
  for (const input of inputs) {
    const { id, spec } = input;
    if (spec.kind === 'copy') continue;
    const row = rowOf(watch, plan.queue, input);
    if (row?.state === 'succeeded') {
      if (REFUSED.includes(spec.kind) || KILLERS.includes(spec.kind))
        return `${id} (${spec.kind}) cannot have succeeded`;
      const wrong = queue.wrong(world, id, spec, input.index);
      if (wrong) return `nothing lost: ${id} succeeded, and ${wrong}`;
    } else if (row?.state === 'dead') {
      const undeserved = undeservedDeath(world, row, spec.kind);
      if (undeserved)
        return `no bystanders: ${id} (${spec.kind}) is dead (${row.reason}, ${row.error?.code}): ${undeserved}`;
    }
  }
  return undefined;
};

/** Why a death cannot be this job's own doing, or that of faults that struck this very job. */
function undeservedDeath(world: World, row: JobRow, kind: JobKind): string | undefined {
  const { plan } = world;
  const events = sinceOpened(row).map(({ event }) => event);
  switch (row.reason) {
    case 'crash': {
      if (kind === 'kills-before') return undefined;
      const silent = events.filter((event) => event === 'ended without outcome').length;
      if (unheard(world) < 2) return 'nothing has kept it from being heard of twice';
      // The last run is only noted when something comes after it.
      return silent + (row.lease ? 1 : 0) >= 2 || silentAtEnd(row) ? undefined : 'it was never tried twice';
    }
    case 'expired':
      return plan.unpolled || plan.retention || plan.dlqRetention ? undefined : 'it had time enough';
    default: {
      if (REFUSED.includes(kind) || kind === 'fails' || kind === 'forbidden' || kind === 'kills-before')
        return undefined;
      if (row.error?.class === 'permanent' && row.error.status === 403)
        return has(plan, 'forbidden') ? undefined : 'nobody forbade it';
      if (row.error?.code === 'UnknownVersion') return kind === 'newer' ? undefined : 'its version is known';
      return row.attempts >= 3 ? undefined : `it had ${row.attempts} attempts`;
    }
  }
}

/** How often a run could end without being heard of: its process died, or the table did not take its word. */
const unheard = ({ reached }: World): number =>
  [...reached].reduce((sum, [what, count]) => sum + (/^(death$|fault .* at table\.)/.test(what) ? count : 0), 0);

const silentAtEnd = (row: JobRow): boolean =>
  row.silent >= 2 || row.history.filter(({ event }) => event === 'started').length >= 2;

const has = (plan: Plan, fault: Fault): boolean =>
  plan.calls.some((call) => call.fault === fault) || plan.outages.some((outage) => outage.fault === fault);

function sinceOpened({ history }: JobRow): JobRow['history'] {
  const at = history.findLastIndex(({ event }) => event === 'reopened');
  return history.slice(at + 1);
}

/** Of the jobs of a group that went straight through, the effects come in the order in which SQS took them. */
const orderIsKept: Check = ({ watch, plan, settings }, inputs) => {
  if (settings.type !== 'fifo') return undefined;
  const straight = inputs
    .filter(({ spec }) => isProduced(spec.kind))
    .map(({ id }) => watch.items.get(`${plan.queue}#${id}`) as JobRow)
    .filter((row) => row.state === 'succeeded' && row.holds === 0 && row.left.length === 0 && row.opened === 1)
    .filter(({ id, deliveries }) => deliveries.every(({ messageId }) => messageId === watch.firsts.get(id)?.messageId))
    .filter((row) => !row.history.some(({ event }) => event === 'returned untried'))
    // A message that expires while it is handled lets the next one of its group go.
    .filter(({ endedAt = 0, time }) => endedAt < time + settings.retention * 1000)
    .sort((a, b) => (watch.firsts.get(a.id)?.sequence ?? 0) - (watch.firsts.get(b.id)?.sequence ?? 0));
  for (const group of Map.groupBy(straight, ({ group }) => group).values()) {
    for (const [index, row] of group.entries()) {
      const before = group[index - 1];
      if (before && (watch.effects.get(before.id) ?? 0) > (watch.effects.get(row.id) ?? 0))
        return `order kept: ${row.id} took effect before ${before.id}, which was sent before it`;
    }
  }
  return undefined;
};

/** What SQS moves by itself is what nobody could handle: a failure that is told to the engine moves nothing. */
const noBystanders: Check = (world) => {
  const moved = world.reached.get('moved by SQS') ?? 0;
  return moved > 0 && failuresAlone(world.plan)
    ? 'no bystanders: with failures alone, SQS moved a message to the DLQ'
    : undefined;
};

const FAILURES: readonly Fault[] = [
  'refused',
  'failed',
  'throttled',
  'retry-after',
  'forbidden',
  'unauthorized',
  'lost',
  'gateway',
];
const VENDORS = /^(zendesk|sendgrid|apple|bulk)\b/;

function failuresAlone({ calls, outages, starts, broken, lostDeletes, jobs }: Plan): boolean {
  if (starts.length > 0 || broken || lostDeletes.length > 0) return false;
  if (jobs.some(({ kind }) => KILLERS.includes(kind))) return false;
  return (
    calls.every(({ kind, fault }) => VENDORS.test(kind ?? '') && FAILURES.includes(fault)) &&
    outages.every(({ target, fault }) => VENDORS.test(target) && FAILURES.includes(fault))
  );
}

const nothingPrivate: Check = (world) => {
  for (const row of world.watch.rows())
    if (JSON.stringify({ ...row, steps: {} }).includes(MARK))
      return `everything private stays in: the row of ${row.id} shows it`;
  return undefined;
};

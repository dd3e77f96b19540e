import { IdTakenError, StoreError, WaitError, wrongField } from '../errors';
import { checkTime, type Envelope, parseEnvelope, parseOrPark, payloadHash, sha256 } from '../jobs/envelope';
import { dataPrefix, invalidId, jobKey } from '../jobs/keys';
import { ATTRIBUTE, belongs } from '../jobs/messages';
import type { Objects } from '../ports';
import { type Disposition, type Handling, isLastReceive, type MessageType, type QueueContract } from './contract';

/** As old as an event may be: an operator may send those again that were rejected before. */
const OLDEST_MS = 90 * 24 * 60 * 60_000;

/** Whether all work of a queue has the same effect however often and in whatever order it runs. */
export const isDirect = ({ types }: Pick<QueueContract, 'types'>): boolean =>
  Object.values(types).every(({ direct }) => direct !== undefined);

/**
 * Runs a job of a repeatable queue without a row: no claim and no stored outcome. A job of a newer version than this
 * code comes back later, and its last receive leaves it to the ledger.
 *
 * `undefined` leaves the job to the ledger: it has a row, was parked or returned before, is a canary, or failed.
 * A failed job then fails again and its error is stored. `taken` means that another job has this id. Throws only a
 * StoreError, when nothing could be written.
 */
export async function direct({ deps, contract, message }: Handling): Promise<Disposition | 'taken' | undefined> {
  if (!isDirect(contract) || message.attributes[ATTRIBUTE.job] !== undefined) return undefined;
  const { clock, log, ledger } = deps;
  try {
    const { receiveCount, sentAt } = message;
    const envelope = parseEnvelope(message.body, { from: 'others' });
    const { id } = envelope;
    checkTime(envelope, { oldest: sentAt - OLDEST_MS, sentAt });
    // On a first delivery only a duplicate can have a row, and the duplicate's own delivery handles that row.
    if (receiveCount > 1) {
      if (await ledger.get(jobKey(contract.queue, invalidId(message.messageId)))) return 'taken';
      const row = await ledger.get(jobKey(contract.queue, id));
      if (row && belongs(row, payloadHash(envelope))) return undefined;
    }
    const type = typeOf(contract, envelope, clock.now());
    const data = await dataOf(deps, contract.queue, { envelope, type });
    await type.direct?.({ id, data, envelope }, { now: () => clock.now(), log });
    return { kind: 'acknowledge', direct: { id, time: Date.parse(envelope.time) } };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    // Newer code may do the job in a second invocation and delete the message. A row made here would then never end.
    if (error instanceof WaitError && !isLastReceive(message, deps.settings(contract.queue)))
      return { kind: 'return', visibilityMs: error.waitMs };
    return error instanceof IdTakenError ? 'taken' : undefined;
  }
}

/** For this long a running deployment may still bring a version that this code does not know. */
const DEPLOYMENT_MS = 60 * 60_000;
const DEPLOYMENT_WAIT_MS = 5 * 60_000;

/** The message type of an envelope. A newer version than ours waits for a deployment and is refused after that. */
export function typeOf(contract: QueueContract, envelope: Envelope, now: number): MessageType {
  const known = contract.types[envelope.type];
  // Every object also has names such as `constructor`.
  if (known && Object.hasOwn(contract.types, envelope.type)) return known;
  const { base, version } = parseType(envelope.type);
  const versions = Object.keys(contract.types)
    .map(parseType)
    .filter((type) => type.base === base);
  if (versions.length === 0) throw wrongField('WrongType', 'type', `is not a type of the queue ${contract.queue}`);
  const newer = versions.every((type) => version > type.version);
  if (newer && now - Date.parse(envelope.time) < DEPLOYMENT_MS)
    throw new WaitError({
      code: 'NewerVersion',
      message: 'type: is a newer version than this code knows',
      field: 'type',
      waitMs: DEPLOYMENT_WAIT_MS,
    });
  throw wrongField('UnknownVersion', 'type', 'is a version that this code does not know');
}

function parseType(type: string): { base: string; version: number } {
  const at = type.lastIndexOf('.v');
  return { base: type.slice(0, at), version: at < 0 ? Number.NaN : Number(type.slice(at + 2)) };
}

/** The validated data of a job, from its envelope or from the object that its `dataref` names. */
export async function dataOf<T>(
  { objects, bucket, prefix }: { objects: Objects; bucket: string; prefix: string },
  queue: string,
  { envelope, type }: { envelope: Envelope; type: MessageType<T> },
): Promise<T> {
  if (envelope.dataref === undefined) return parseOrPark(type.schema, envelope.data, 'data');
  const bad = (code: string, rule: string) => wrongField(code, 'dataref', rule);
  if (envelope.data !== undefined) throw bad('InvalidDataref', 'must not be set together with data');
  const key = envelope.dataref.startsWith(`s3://${bucket}/`)
    ? envelope.dataref.slice(`s3://${bucket}/`.length)
    : envelope.dataref;
  if (!key.startsWith(dataPrefix(prefix, queue))) throw bad('InvalidDataref', "must be under the queue's own prefix");
  const bytes = await objects.get(key);
  if (!bytes) throw bad('DatarefMissing', 'there is no such object');
  if (sha256(bytes) !== envelope.datasha256) throw bad('DatarefChanged', 'the object is not the one that was sent');
  return parseOrPark(type.schema, parseJson(bytes), 'data');
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    // Without `fatal`, bytes that are not UTF-8 would silently become other characters.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw wrongField('NotJson', 'dataref', 'the object is not JSON in UTF-8');
  }
}

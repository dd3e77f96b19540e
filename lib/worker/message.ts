import { WaitError, wrongField } from '../errors';
import { type Envelope, parseOrPark, sha256 } from '../jobs/envelope';
import { dataPrefix } from '../jobs/keys';
import type { Objects } from '../ports';
import type { MessageType, QueueContract } from './contract';

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
  { objects, bucket, prefix, queue }: { objects: Objects; bucket: string; prefix: string; queue: string },
  envelope: Envelope,
  type: MessageType<T>,
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

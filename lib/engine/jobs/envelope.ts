import { hash } from 'node:crypto';
import * as z from 'zod';
import { PermanentError } from '../../platform/errors';
import { type LeftOut, normalise } from '../../platform/normalise';
import { ruleInWords } from '../../platform/rule-words';
import { counted, exactLine, isoTime, WITHOUT_CONTROLS } from '../../platform/text';

/** Larger data travels as a `dataref`. SQS takes 1 MiB with attributes, and the envelope needs some of that. */
export const MAX_INLINE_DATA_BYTES = 900 * 1024;

const printable = (max: number) =>
  z.string().min(1).max(max).regex(new RegExp(WITHOUT_CONTROLS), 'must not hold control characters');

/**
 * The forms of a caller's own names, which rows, records, logs and vendors hold in the clear. Without `@` none is an
 * address. The producer refuses other values, and the worker hides them (publicForm).
 */
export const PUBLIC_FORMS = {
  type: /^[A-Za-z][\w./-]*$/,
  /** A URI reference without user. */
  source: /^[\w.~:/?#[\]!$&'()*+,;=%-]+$/,
  /** No telephone number: not only digits, and not up to 20 digits and separators. */
  correlationId: /^(?!\d+$|[\d.:_-]{1,20}$)[\w.:-]{1,128}$/,
  group: /^[^@]+$/,
} as const;

export const HIDDEN = 'hidden';

export const publicForm = (name: keyof typeof PUBLIC_FORMS, value: string): string =>
  PUBLIC_FORMS[name].test(value) ? value : HIDDEN;

const PART = '([A-Za-z_][A-Za-z0-9_-]{0,59}|[0-9]{1,6}|[*])';
const FIELDS = new RegExp(`^${PART}([.,]${PART})*$`);

const keyedHash = z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits');

/**
 * The message of a job: a CloudEvents 1.0 event in structured JSON (https://github.com/cloudevents/spec), as the SDKs
 * of all languages write it. `time` is when the job was first accepted (RFC 3339), and never changes.
 */
export const envelopeSchema = z.object({
  specversion: z.literal('1.0'),
  /** The job's id, a UUID and the only idempotency key. */
  id: z.string().min(1).max(1024),
  /** `{queue}.{what}.v{n}`. */
  type: printable(128),
  source: printable(256),
  /** `checkTime` bounds it. */
  time: isoTime,
  subject: printable(256).optional(),
  datacontenttype: z
    .string()
    .max(128)
    .regex(/^application\/json(\s*;\s*charset="?utf-8"?)?$/i, 'must be application/json in UTF-8')
    .optional(),
  correlationid: printable(128).optional(),
  /** The id of what the job is a part of. */
  parent: z.uuid().optional(),
  traceparent: z
    .string()
    .toLowerCase()
    .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'must be a W3C traceparent')
    .optional(),
  /** CloudEvents' sequence: the number among all events of `source`, from 1 without gaps. */
  sequence: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number from 1')
    .optional(),
  /** The cosmetic fields that our producer left out, with commas: names of schemas, places in lists, and `*`. */
  leftout: z.string().max(4_096).regex(FIELDS, 'must be names of fields, with commas between them').optional(),
  /** How many events its producer has refused since its last message. */
  refused: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1')
    .optional(),
  /** CloudEvents' partitioning: the message group that the producer chose. A redrive may change the group in SQS. */
  partitionkey: printable(128).optional(),
  /** The caller that the job belongs to: a keyed hash of the principal, from our producer. */
  owner: keyedHash.optional(),
  /** The person of the job: a keyed hash of their address, by which their jobs are found (lib/engine/jobs/person-hash.ts). */
  person: keyedHash.optional(),
  /** A keyed hash of the job's id, from our producer. No row has it, so a reader of rows cannot test guesses. */
  salt: keyedHash.optional(),
  data: z.unknown().optional(),
  /** CloudEvents' claim check: the S3 key of the data. S3 takes 1,024 bytes, and a read of a longer key never ends well. */
  dataref: exactLine(340).optional(),
  /** SHA-256, hex, of the bytes that `dataref` names. */
  datasha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex')
    .optional(),
});

export type Envelope = z.infer<typeof envelopeSchema> & {
  /** The cosmetic attributes that were left out. */
  left?: string[];
};

const uuid = z.uuid();

/** A random UUID (v4, v7), which no program can know before. */
export const isRandomId = (id: string): boolean =>
  /^[\da-f]{8}-[\da-f]{4}-[47][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/i.test(id);

/**
 * Another program's message must have a random id. An id that is computed from something could equal the id of a job that
 * our producer, or a third program, sends later.
 */
export function checkRandomId({ id }: Pick<Envelope, 'id'>): void {
  if (isRandomId(id)) return;
  const message = 'id: must be a random UUID (version 4 or 7)';
  throw new PermanentError({ code: 'InvalidEnvelope', message, field: 'id' });
}

const DAY_MS = 24 * 60 * 60_000;

/** Throws a PermanentError unless an event was made between `oldest` and a day after `sentAt` (ms since 1970). */
export function checkTime({ time }: Envelope, { oldest, sentAt }: { oldest: number; sentAt: number }): void {
  const at = Date.parse(time);
  if (at >= oldest && at <= sentAt + DAY_MS) return;
  const message = "time: must be within the queue's retention before the message was sent, or up to a day after";
  throw new PermanentError({ code: 'InvalidEnvelope', message, field: 'time' });
}

export const sha256 = (bytes: string | Uint8Array): string => hash('sha256', bytes);

/** Some languages write the fields of an object in another order each time. For `JSON.stringify`. */
export const inOrder = (_name: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/**
 * Two deliveries of one id must have the same hash. It covers type, data and salt, not `time`, tracing or the order of
 * fields. It is that of the data as they were sent: a later release may normalise them in another way.
 */
export function payloadHash({ type, data, dataref, datasha256, salt }: Envelope): string {
  const parts = [
    type,
    (dataref && datasha256) ?? sha256(JSON.stringify(data ?? null, inOrder)),
    ...(salt === undefined ? [] : [salt]),
  ];
  return sha256(parts.join('\n'));
}

/** JSON as SQS takes it in a body. SQS refuses U+FFFE and U+FFFF, and their escapes are the same JSON. */
export const sendable = (json: string): string =>
  json.replace(/[\ufffe\uffff]/g, (character) => (character === '\ufffe' ? '\\ufffe' : '\\uffff'));

/** Describes an issue of Zod by field and rule, never by the value, which may be personal. */
export function describeIssue(issue: z.core.$ZodIssue, prefix = ''): { field: string; message: string } {
  const path = issue.path.map(nameOf).join('.');
  const field = prefix && path ? `${prefix}.${path}` : prefix || path || '(body)';
  return { field, message: `${field}: ${ruleInWords(issue)}` };
}

/** A body can have a million unknown fields. */
const MOST_NAMED = 20;

/** The same, with the unknown fields by their names. Only for an answer to who gave the fields. */
export const describeIssues = (
  issues: readonly z.core.$ZodIssue[],
  prefix = '',
): { field: string; message: string }[] =>
  issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return describeIssue(issue, prefix);
    const message = 'must be left out, because there is no such field';
    const more = `has ${counted(issue.keys.length - MOST_NAMED, 'more unknown field')}`;
    return [
      ...issue.keys.slice(0, MOST_NAMED).map((key) => ({ message, path: [...issue.path, key] })),
      ...(issue.keys.length > MOST_NAMED ? [{ message: more, path: issue.path }] : []),
    ].map((each) => describeIssue({ code: 'custom', ...each }, prefix));
  });

/** A name that no schema gives may be anything, even an address or a telephone number. */
const nameOf = (part: PropertyKey): string =>
  /^(\d{1,6}|[A-Za-z_][\w-]{0,59})$/.test(String(part)) ? String(part) : '*';

/** A cosmetic field that was left out: its path and the rule, never its value. */
export const describeLeft = ({ path, issue }: LeftOut, prefix = ''): { field: string; message: string } =>
  describeIssue({ code: 'custom', path: [...path], message: ruleInWords(issue) }, prefix);

/**
 * Parses by a schema. The first problem becomes a PermanentError. `prefix`: the path of `input`, e.g. `data`. `left`: the
 * paths of the cosmetic fields of `of` that were left out.
 */
export function parseOrPark<T>(
  schema: z.ZodType<T>,
  input: unknown,
  { of = '', prefix = '', code = 'InvalidField' } = {},
): { data: T; left: string[] } {
  const parsed = normalise(of, schema, input);
  if (!parsed.issues) return { data: parsed.data, left: parsed.left.map((left) => describeLeft(left).field) };
  const [first] = parsed.issues;
  throw new PermanentError({ code, ...(first ? describeIssue(first, prefix) : { message: 'is not valid' }) });
}

/** Parses a message body. Throws a PermanentError (`NotJson`, `InvalidEnvelope`) if it holds no valid envelope. */
export function parseEnvelope(body: string): Envelope {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    // The parser's message quotes the text, which may be personal, so the error gets no cause.
    throw new PermanentError({ code: 'NotJson', message: 'the message body is not JSON' });
  }
  const form = { of: 'envelope', code: 'InvalidEnvelope' };
  const { data: event, left } = parseOrPark(envelopeSchema, withoutNulls(json), form);
  if (!uuid.safeParse(event.id).success) checkRandomId(event);
  return { ...event, ...(left.length > 0 && { left }) };
}

/** An SDK may write an attribute that is not set as null (CloudEvents JSON format 1.0, 2.2). Data may be null. */
function withoutNulls(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(Object.entries(json).filter(([name, value]) => value !== null || name === 'data'));
}

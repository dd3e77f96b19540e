import * as z from 'zod';
import { sha256 } from '../../engine/jobs/envelope';
import { lineForm, linesForm, timeForm } from '../../platform/normalise';
import { WITHOUT_CONTROLS } from '../../platform/text';

export const ANALYTICS_EVENTS = 'analytics.events.v1';

/** The most events in one message. A producer packs fewer. */
export const MOST_EVENTS = 10_000;

/** A property's value, to a depth of five. */
export type PropertyValue =
  | string
  | number
  | boolean
  | null
  | readonly PropertyValue[]
  | { readonly [name: string]: PropertyValue };

/** An event as a caller tracks it. EVENT_SHAPE describes its fields. */
export interface AnalyticsEvent {
  id: string;
  name: string;
  time: string;
  user?: string;
  /** Your id of a user who is not known yet. */
  anonymous?: string;
  session?: string;
  device?: string;
  /** When the device sent the event, by its own clock. With it, the error of that clock is corrected. */
  sent?: string;
  /** The producer sets it. */
  received?: undefined;
  app?: string;
  platform?: string;
  properties?: Record<string, PropertyValue>;
  schema?: number;
}

/** Why an event is not valid: the path of the field and the rule, never the value. */
export interface EventProblem {
  field: string;
  rule: string;
}

const DAY_MS = 24 * 60 * 60_000;
/** Phones send events late when they were offline. */
const OLDEST_MS = 90 * DAY_MS;
/** The clock of a phone may be ahead. */
const NEWEST_MS = DAY_MS;
const MOST_PROPERTIES = 100;
const LONGEST_TEXT = 2_000;
const LONGEST_NAME = 64;
const DEEPEST = 5;
const LONGEST_ID = 128;

const ID = /^[\w.:-]{1,64}$/;
const NAME = /^[A-Za-z][\w.:/ -]{0,99}$/;
/** A name of a property that an error may show. Another may be personal. */
const PLAIN_NAME = /^[\w.$ -]*$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const CLEAN = new RegExp(WITHOUT_CONTROLS);

const text = (what: string) => ({
  type: 'string',
  minLength: 1,
  maxLength: LONGEST_ID,
  pattern: WITHOUT_CONTROLS,
  description: `${what}: 1 to ${LONGEST_ID} characters, no controls.`,
});
const person = (whose: string) => text(`Your id of the ${whose}, no address`);

/** The rules of one event as JSON Schema, without the limits of its time (docs/wire-format.md). */
export const EVENT_SHAPE = {
  type: 'object',
  required: ['id', 'name', 'time'],
  additionalProperties: false,
  properties: {
    id: {
      type: 'string',
      pattern: ID.source,
      description: 'Unique for its user and session: 1 to 64 letters, digits or _.:-.',
    },
    name: {
      type: 'string',
      pattern: NAME.source,
      description: 'Such as screen_viewed: 1 to 100 letters, digits, spaces or _.:/-, a letter first. Logs show it.',
    },
    time: {
      type: 'string',
      pattern: TIME.source,
      description: 'By the device: ISO 8601 with Z or an offset, from 90 days ago to a day ahead (corrected by sent).',
    },
    sent: {
      type: 'string',
      pattern: TIME.source,
      description: 'When the device sent it, by the same clock. With it, the error of that clock is corrected.',
    },
    received: {
      type: 'string',
      pattern: TIME.source,
      description: 'The producer sets it: when it took the event. Leave it out.',
    },
    user: person('user'),
    anonymous: person('user who is not known yet'),
    session: person('session'),
    device: person('device'),
    app: text('The version of the app, such as 2.4.1'),
    platform: text('Such as iOS 19.1'),
    schema: {
      type: 'integer',
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "Your version of this event's shape: a whole number from 1.",
    },
    properties: {
      type: 'object',
      description:
        'At most 100: names of 1 to 64 characters, no controls; text of at most 2000 characters, numbers, booleans, null, and lists and objects of at most 100 of these, to a depth of 5.',
      maxProperties: MOST_PROPERTIES,
      propertyNames: { minLength: 1, maxLength: LONGEST_NAME, pattern: WITHOUT_CONTROLS },
      additionalProperties: {
        anyOf: [
          { type: 'string', maxLength: LONGEST_TEXT, pattern: '^[^\\u0000]*$' },
          { type: 'number' },
          { type: 'boolean' },
          { type: 'null' },
          { type: 'array', maxItems: MOST_PROPERTIES },
          { type: 'object', maxProperties: MOST_PROPERTIES },
        ],
      },
    },
  },
} as const;

const FIELDS = new Set(Object.keys(EVENT_SHAPE.properties));
const TEXTS = ['user', 'anonymous', 'session', 'device', 'app', 'platform'] as const;

/** The data of `analytics.events.v1`. `problemOf` checks each event, so an invalid event rejects only itself. */
export const analyticsSchema = z.strictObject({
  events: z.array(z.unknown().meta(EVENT_SHAPE)).min(1).max(MOST_EVENTS),
});
export type AnalyticsBatch = z.infer<typeof analyticsSchema>;

/** The message group of an event. A shard keeps the events of a session, user or device in order. */
export function shardOf({ session, user, anonymous, device, id }: AnalyticsEvent, shards: number): string {
  if (shards === 1) return 'shard-0';
  const hash = sha256(session ?? user ?? anonymous ?? device ?? id);
  return `shard-${Number.parseInt(hash.slice(0, 8), 16) % shards}`;
}

/** What a repeat has too: some ids are unique in a session only. */
export const keyOf = ({ id, user = '', session = '' }: AnalyticsEvent): string => `${id}\n${user}\n${session}`;

const problem = (field: string, rule: string): EventProblem => ({ field, rule });

/**
 * Why an event is rejected, or `undefined` if it is valid. The answer depends only on the event and the time (ms) of
 * its job and not on a clock, because a repeated message must be split the same way. So these rules and their texts
 * never change. Other rules need a new type. The code is written by hand because it runs for every event, and Zod takes
 * several times as long as parsing the event's JSON. `json`: the event as JSON, if the caller has it.
 */
export function problemOf(event: unknown, jobTime: number, json?: string): EventProblem | undefined {
  if (!isRecord(event)) return problem('', 'must be an object');
  for (const field in event) if (!FIELDS.has(field)) return problem('', 'has an unknown field');
  const { id, name, schema, properties } = event;
  // JSON escapes all controls but DEL, and lone surrogates. One search of the line is faster than one of each text.
  const clean = json !== undefined && !json.includes('\\') && !json.includes('\u007f');
  if (typeof id !== 'string' || !ID.test(id)) return problem('id', 'must be 1 to 64 letters, digits or _.:-');
  if (typeof name !== 'string' || !NAME.test(name))
    return problem('name', 'must be 1 to 100 letters, digits, spaces or _.:/- and start with a letter');
  const time = timeProblem(event, jobTime);
  if (time) return time;
  for (const field of TEXTS) if (!isText(event[field], clean)) return problem(field, TEXT_RULE);
  return (
    (schema === undefined || (Number.isSafeInteger(schema) && (schema as number) >= 1)
      ? undefined
      : problem('schema', 'must be a whole number from 1')) ?? propertiesProblem(properties, clean)
  );
}

const timeIn = (value: unknown): number => (typeof value === 'string' && TIME.test(value) ? parsed(value) : Number.NaN);
const TIME_RULE = 'must be an ISO 8601 date and time with Z or an offset';

/** With `sent`, the limits are for the corrected time: a device's clock may be wrong by years. */
function timeProblem({ time, sent, received }: Record<string, unknown>, jobTime: number): EventProblem | undefined {
  let at = timeIn(time);
  if (Number.isNaN(at)) return problem('time', TIME_RULE);
  const taken = received === undefined ? jobTime : timeIn(received);
  if (Number.isNaN(taken)) return problem('received', TIME_RULE);
  if (sent !== undefined) at += taken - timeIn(sent);
  if (Number.isNaN(at)) return problem('sent', TIME_RULE);
  if (at < jobTime - OLDEST_MS) return problem('time', 'must be at most 90 days in the past');
  if (at > jobTime + NEWEST_MS) return problem('time', 'must be at most a day in the future');
  return undefined;
}

/** The day of the last event, NaN if there is no such day. The next event is usually from the same day. */
let day = { text: 'none', at: Number.NaN };

/** Equals `Date.parse` for times that match TIME, but refuses February 30, and is faster for the form of `toISOString`. */
function parsed(time: string): number {
  if (!time.startsWith(day.text)) {
    const text = time.slice(0, 10);
    const at = Date.parse(text);
    day = { text, at: new Date(at).toJSON()?.startsWith(text) ? at : Number.NaN };
  }
  const [hours, minutes, seconds] = [twoDigits(time, 11), twoDigits(time, 14), twoDigits(time, 17)];
  if (time.length !== '2026-01-02T03:04:05.678Z'.length || hours > 23 || minutes > 59 || seconds > 59)
    return day.at + Date.parse(`1970-01-01${time.slice(10)}`);
  const milliseconds = 10 * twoDigits(time, 20) + time.charCodeAt(22) - ZERO;
  return day.at + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + milliseconds;
}

const ZERO = 48;
const twoDigits = (text: string, at: number): number =>
  10 * (text.charCodeAt(at) - ZERO) + text.charCodeAt(at + 1) - ZERO;

const TEXT_RULE = 'must be 1 to 128 characters of well-formed Unicode without controls';

const isText = (value: unknown, clean: boolean): boolean =>
  value === undefined ||
  (typeof value === 'string' &&
    value.length >= 1 &&
    value.length <= LONGEST_ID &&
    (clean || (CLEAN.test(value) && value.isWellFormed())));

function propertiesProblem(properties: unknown, clean: boolean): EventProblem | undefined {
  if (properties === undefined) return undefined;
  if (!isRecord(properties)) return problem('properties', 'must be an object');
  const broken = brokenIn(properties, clean, 1);
  return broken && problem(broken.name === undefined ? 'properties' : fieldOf(broken.name), broken.rule);
}

const fieldOf = (name: string): string => (PLAIN_NAME.test(name) ? `properties.${name}` : 'properties');

/** The first rule that properties at this depth break. `name`: of the property whose value breaks it. */
function brokenIn(
  all: Record<string, unknown>,
  clean: boolean,
  depth: number,
): { name?: string; rule: string } | undefined {
  let count = 0;
  for (const name in all) {
    if (++count > MOST_PROPERTIES) return { rule: 'must have at most 100 fields' };
    if (!isName(name)) return { rule: 'must have names of 1 to 64 characters of well-formed Unicode without controls' };
    const rule = valueRule(all[name], clean, depth);
    if (rule) return { name, rule };
  }
  return undefined;
}

/** Names of properties that passed the check. There are few, and they come again with each event. */
const names = new Set<string>();
const MOST_NAMES = 1_000;

function isName(name: string): boolean {
  if (names.has(name)) return true;
  if (name === '' || name.length > LONGEST_NAME || !CLEAN.test(name) || !name.isWellFormed()) return false;
  if (names.size < MOST_NAMES) names.add(name);
  return true;
}

/** The rule that a property's value breaks. JSON's `1e999` becomes infinite when it is parsed. */
function valueRule(value: unknown, clean: boolean, depth: number): string | undefined {
  if (typeof value === 'string') {
    if (value.length > LONGEST_TEXT) return 'must be at most 2000 characters';
    if (clean) return undefined;
    if (!value.isWellFormed()) return 'must be well-formed Unicode';
    return value.includes('\u0000') ? 'must not hold the character NUL' : undefined;
  }
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must be a finite number';
  if (typeof value === 'boolean' || value === null) return undefined;
  if (!Array.isArray(value) && !isPlain(value)) return 'must be text, a number, true, false, null, a list or an object';
  if (depth === DEEPEST) return 'must be at most 5 deep';
  if (!Array.isArray(value)) return brokenIn(value, clean, depth + 1)?.rule;
  if (value.length > MOST_PROPERTIES) return 'must have at most 100 entries';
  return value.map((one) => valueRule(one, clean, depth + 1)).find((rule) => rule);
}

/** A Map or a class has fields that JSON leaves out. */
const isPlain = (value: unknown): value is Record<string, unknown> =>
  isRecord(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value));

/**
 * An event with what has one meaning in the form of the rules: a Date, an offset without a colon, a null or empty text, a
 * control character, an undefined property. Only for an event that breaks a rule, so that the others cost nothing.
 */
export function eventForm(event: AnalyticsEvent): AnalyticsEvent {
  if (!isRecord(event)) return event;
  const form = Object.fromEntries(
    Object.entries(event).flatMap(([field, value]): [string, unknown][] => {
      if (field === 'time' || field === 'sent') return [[field, textForm(value, timeForm)]];
      const isAbsent = value === null || (typeof value === 'string' && value.trim() === '');
      if (FIELDS.has(field) && isAbsent) return [];
      return [[field, field === 'id' ? value : textForm(value, lineForm)]];
    }),
  );
  if (isRecord(form.properties)) form.properties = valueForm(form.properties);
  return form as unknown as AnalyticsEvent;
}

function valueForm(value: unknown, depth = 0): unknown {
  // What is deeper breaks the rule, and may contain itself.
  if (depth > DEEPEST) return value;
  if (Array.isArray(value)) return value.map((one) => valueForm(one, depth + 1));
  if (!isPlain(value)) return textForm(value, linesForm);
  const given = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(given.map(([name, one]) => [name, valueForm(one, depth + 1)]));
}

function textForm(value: unknown, form: (text: string) => string): unknown {
  const isTime = value instanceof Date && !Number.isNaN(value.getTime());
  return isTime ? value.toISOString() : typeof value === 'string' ? form(value) : value;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An `@`, also as URLs write it, between two texts of which the second ends like a domain. */
const ADDRESS = /[^\s@](?:@|%40)[^\s@]*\.\p{L}{2}/iu;
const NO_ADDRESS = 'must not look like a mail address';

/**
 * The field of a valid event that looks like a mail address. For instances that set `analytics.noAddressesFrom`.
 * This rule never changes either.
 */
export function addressProblem(event: AnalyticsEvent): EventProblem | undefined {
  const { properties } = event;
  for (const field of TEXTS) if (isAddress(event[field])) return problem(field, NO_ADDRESS);
  for (const name in properties)
    if (isAddress(name) || holdsAddress(properties[name])) return problem(fieldOf(name), NO_ADDRESS);
  return undefined;
}

const holdsAddress = (value: unknown): boolean =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).some(([name, one]) => isAddress(name) || holdsAddress(one))
    : isAddress(value);

/** The two searches are faster than the expression, and most texts have no `@`. */
const isAddress = (value: unknown): boolean =>
  typeof value === 'string' && (value.includes('@') || value.includes('%40')) && ADDRESS.test(value);

import * as z from 'zod';
import { count, type ItemDeps, renewable, type Stored, time } from '../engine/jobs/items';
import type { SendingLimits } from '../platform/config/functions';

export const rateKey = (vendor: string): string => `rate#${vendor}`;

/** Beyond what any reservation can have stored. */
const LARGEST = 1_000_000;

const NOTHING_TAKEN = {
  rate: 0,
  campaigns: 0,
  alone: 0,
  messages: 0,
  whole: 0,
  messageAt: 0,
  blockedUntil: 0,
  countedAt: 0,
};

/** One vendor's rate in the table. Times are milliseconds since 1970. */
export const rates = renewable(
  {
    /** The limit per second that the last reservation used. */
    rate: z.number().min(0).max(LARGEST),
    /** Campaigns have reserved up to this time, at their share of the rate. */
    campaigns: time,
    /** Campaigns have reserved up to this time, at nearly the whole rate. */
    alone: time,
    /** Single mails have reserved up to this time, at the share that campaigns leave. */
    messages: time,
    /** Single mails have reserved up to this time, at the whole rate. */
    whole: time,
    messageAt: time,
    /** The part of the rate that single mails had recently taken, at `messageAt`. */
    load: z.number().min(0).max(LARGEST).optional(),
    /** The vendor asked for a wait: no call before then. */
    blockedUntil: time,
    /** The latest slot that counts for a day, and how many recipients of its day may have got a mail. */
    countedAt: time,
    sent: count.optional(),
  },
  NOTHING_TAKEN,
);
export type RateItem = Stored<typeof rates>;

export type RateUse = 'campaign' | 'message';

/**
 * `until`: a worker that wakes later has lost the slot. `rate`: at another rate in use, the slot is void. `countedAt`: its
 * recipients count for the day of this time.
 */
type Slot = { at: number; until: number; rate: number; countedAt?: number | undefined };
type Reservation =
  | { kind: 'slot'; slot: Slot }
  | { kind: 'later'; waitMs: number; code?: (typeof HOLDS_BY_SETTING)[number] };

/** Why a campaign waits although workers are free: the instance's setting says so. */
export const HOLDS_BY_SETTING = ['OutsideWindow', 'DailyCapReached'] as const;

/**
 * The parts of the rate that campaigns take. They use at most 97 %. The rest absorbs workers that wake late, and lets a
 * single mail through at once. Beside many single mails they leave more.
 */
const ALONE = 0.97;
const BESIDE_MANY = 0.935;
/** Single mails are many if they take more than this part of the rate, on average over about `LOAD_MS`. */
const MANY = 0.025;
const LOAD_MS = 10_000;
/** A worker may be late by this part of what it sends, at least `LEAST_LATE_MS`. A late single mail delays no other. */
const LATE = 0.02;
const LEAST_LATE_MS = 20;
const MESSAGE_LATE_MS = 250;
/** A step starts this long before its slot, because it is written before the call. A single mail may be late instead. */
export const LEAD_MS = 150;
/** Functions end before this, so a time further ahead comes from a wrong clock or an old limit. */
const FURTHEST_MS = 120_000;
const LONGEST_BLOCK_MS = 3_600_000;

type RateDeps = ItemDeps & { rate: number; limits?: SendingLimits | undefined; override?: () => number | undefined };

/**
 * The sending rate of one vendor, shared by all workers through the table. `rate`: recipients per second, unless an
 * operator's `override` takes its place. A reservation is a slot in time, as long as its recipients take at the limit.
 * Slots of campaigns never overlap, so in any time a campaign sends at most what fits into it and one request more.
 */
export function sharedRate({ rate: setting, override, limits, ...deps }: RateDeps, vendor: string) {
  const times = limits && sendingTimes(limits);
  const key = rateKey(vendor);
  const { clock } = deps;
  /** What this process wrote last. If another process has written since, the write finds that out. */
  let own: RateItem | undefined;
  const inUse = (): number => override?.() ?? setting;

  async function reserve(request: { recipients: number; use: RateUse; withinMs: number }): Promise<Reservation> {
    const { recipients, use, withinMs } = request;
    const rate = inUse();
    const known = own;
    let answer: Reservation | undefined;
    const change = (stored: RateItem | undefined) => {
      const now = clock.now();
      const item = sane(stored ?? empty(key), now);
      const { at, next } = take(item, { recipients, use, rate, now });
      const counted = times && countDay(times, item, { at, recipients });
      const held = counted && use === 'campaign' ? heldUntil(times, at, { sent: counted.sent, recipients }) : undefined;
      if (held || at - now > withinMs) {
        answer = { kind: 'later', waitMs: (held?.until ?? at) - now, ...(held && { code: held.code }) };
        const { countedAt } = item;
        // A time of a wrong clock would count for tomorrow too.
        return stored && countedAt < stored.countedAt ? { ...stored, countedAt } : undefined;
      }
      const until = at + lateness(recipients, rate, use);
      answer = { kind: 'slot', slot: { at, until, rate, countedAt: counted?.countedAt } };
      return { ...next, ...counted, rate };
    };
    const reserved = await rates.update(deps, key, change, known);
    own = reserved.changed ? reserved.item : undefined;
    // No write has shown whether `known` is still stored, so the wait may be wrong.
    if (!reserved.changed && known) return reserve(request);
    return answer ?? { kind: 'later', waitMs: withinMs };
  }

  return {
    /** A slot that begins within `withinMs`, or how long to wait before asking again; then nothing is reserved. */
    reserve,
    inUse,

    /** Recipients who surely got nothing do not count for the day. Without a limit nothing is counted. */
    uncount: async ({ countedAt }: Slot, recipients: number): Promise<void> => {
      if (!times || countedAt === undefined) return;
      await rates.update(deps, key, (stored) =>
        stored && times.dayOf(stored.countedAt) === times.dayOf(countedAt)
          ? { ...stored, sent: Math.max(0, (stored.sent ?? 0) - recipients) }
          : undefined,
      );
    },

    block: (waitMs: number) =>
      rates.update(deps, key, (stored) => {
        const item = stored ?? empty(key);
        const blockedUntil = clock.now() + Math.min(waitMs, LONGEST_BLOCK_MS);
        return blockedUntil > item.blockedUntil ? { ...item, blockedUntil } : undefined;
      }),
  };
}

/**
 * A slot of the day before, reserved late, counts for the last day. So no day is counted anew. The item stores a time and
 * no day, so that a corrected zone moves the count to its true day.
 */
function countDay(
  { dayOf }: SendingTimes,
  { countedAt, sent = 0 }: RateItem,
  { at, recipients }: { at: number; recipients: number },
) {
  if (dayOf(at) > dayOf(countedAt)) return { countedAt: at, sent: recipients };
  return { countedAt: Math.max(countedAt, at), sent: sent + recipients };
}

/**
 * Why and until when no chunk may use a slot at this time, after which `sent` recipients of its day would be out. A chunk
 * larger than the cap would wait for ever, so it goes as long as the cap is not used up.
 */
function heldUntil(times: SendingTimes, at: number, { sent, recipients }: { sent: number; recipients: number }) {
  const { opensAt, nextDay, dailyCap } = times;
  const until = opensAt(at);
  if (until > at) return { until, code: HOLDS_BY_SETTING[0] };
  const isOver = recipients > dailyCap ? sent - recipients >= dailyCap : sent > dailyCap;
  return isOver ? { until: nextDay(at), code: HOLDS_BY_SETTING[1] } : undefined;
}

/**
 * Why and until when no chunk of so many recipients may be released now. `ahead`: recipients that get their slots before
 * it. Before the first send there is no item.
 */
export function heldNow(
  limits: SendingLimits | undefined,
  stored: RateItem | undefined,
  { now, recipients, ahead = 0 }: { now: number; recipients: number; ahead?: number },
) {
  if (!limits) return undefined;
  const times = sendingTimes(limits);
  const item = stored ?? empty('');
  // What a wrong clock counted holds no release. The worker's reservation corrects it.
  const { sent } =
    item.countedAt > now + FURTHEST_MS
      ? { sent: 0 }
      : countDay(times, item, { at: now, recipients: ahead + recipients });
  const held = heldUntil(times, now, { sent, recipients });
  return held && { ...held, text: times.textOf(held.until) };
}

export type SharedRate = ReturnType<typeof sharedRate>;

const empty = (key: string): RateItem => ({ key, version: 0, writer: '', ...NOTHING_TAKEN });

const lateness = (recipients: number, rate: number, use: RateUse): number =>
  use === 'message' ? MESSAGE_LATE_MS : Math.max(LEAST_LATE_MS, (recipients / rate) * 1000 * LATE);

/** A time that only a wrong clock can have written counts as now. */
function sane(item: RateItem, now: number): RateItem {
  const cap = (time: number, most: number) => (time > now + most ? now : time);
  return {
    ...item,
    campaigns: cap(item.campaigns, FURTHEST_MS + 2 * span(item)),
    alone: cap(item.alone, FURTHEST_MS + 2 * span(item)),
    messages: cap(item.messages, FURTHEST_MS),
    whole: cap(item.whole, FURTHEST_MS),
    messageAt: cap(item.messageAt, 0),
    blockedUntil: cap(item.blockedUntil, LONGEST_BLOCK_MS),
    countedAt: cap(item.countedAt, FURTHEST_MS),
  };
}

/** For how long from now workers have taken the rate, or must not send at all. */
export function takenMs(stored: RateItem, now: number): number {
  const { campaigns, whole, blockedUntil } = sane(stored, now);
  return Math.max(now, campaigns, whole, blockedUntil) - now;
}

/** The longest that one request can take at the limit of the last reservation. */
const span = ({ rate }: RateItem): number => (rate > 0 ? (1000 / rate) * 1000 : 0);

function take(
  item: RateItem,
  { recipients, use, rate, now }: { recipients: number; use: RateUse; rate: number; now: number },
): { at: number; next: RateItem } {
  const earliest = Math.max(now, item.blockedUntil);
  const ms = (part: number) => (recipients / (rate * part)) * 1000;
  if (use === 'campaign') {
    const at = Math.max(earliest, now + LEAD_MS, item.campaigns, item.whole);
    const besideMany = loadOf(item, now) > MANY;
    const end = at + ms(besideMany ? BESIDE_MANY : ALONE);
    return { at, next: { ...item, campaigns: end, ...(besideMany ? {} : { alone: end }) } };
  }
  const came = { messageAt: now, load: loadOf(item, now) + ms(1) / LOAD_MS };
  const at = Math.max(earliest, item.messages);
  // If no campaign sends at that time, single mails may use the whole rate.
  if (item.campaigns <= at) {
    const end = at + ms(1);
    return { at, next: { ...item, messages: end, whole: end, ...came } };
  }
  const left = 1 - (at >= item.alone ? BESIDE_MANY : ALONE);
  return { at, next: { ...item, messages: at + ms(left), ...came } };
}

const loadOf = ({ load = 0, messageAt }: RateItem, now: number): number => load * Math.exp((messageAt - now) / LOAD_MS);

const MINUTE_MS = 60_000;

type SendingTimes = ReturnType<typeof sendingTimes>;

/**
 * When an instance's campaigns may send: between two times of day, and so many recipients a day, in its zone. Times are
 * ms since 1970. `Intl` knows the zone, so on days when clocks change the window has the clock's times too.
 */
export function sendingTimes({ zone, between, dailyCap = Number.POSITIVE_INFINITY }: SendingLimits) {
  // This locale writes `2026-01-02 08:00`.
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  const [from = '', to = ''] = between?.split(/[–-]/) ?? [];
  const dayOf = (at: number): string => format.format(at).slice(0, 10);
  const isOpen = (at: number): boolean => {
    const time = format.format(at).slice(11);
    return from < to ? from <= time && time < to : from <= time || time < to;
  };
  const next = (at: number, holds: (minute: number) => boolean): number => {
    let minute = Math.ceil(at / MINUTE_MS) * MINUTE_MS;
    while (!holds(minute)) minute += MINUTE_MS;
    return minute;
  };
  return {
    dayOf,
    dailyCap,
    /** The next time in the window: `at` itself if it is in it, or if there is no window. */
    opensAt: (at: number): number => (between === undefined || isOpen(at) ? at : next(at, isOpen)),
    nextDay: (at: number): number => next(at, (minute) => dayOf(minute) > dayOf(at)),
    /** For people, e.g. `08:00 Europe/Berlin`. */
    textOf: (at: number): string => `${format.format(at).slice(11)} ${zone}`,
  };
}

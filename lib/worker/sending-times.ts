import type { SendingLimits } from '../config/common';

const MINUTE_MS = 60_000;

export type SendingTimes = ReturnType<typeof sendingTimes>;

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

import { duration as secondsText } from '../../../lib/platform/duration';

/** A number with its thousands. `more`: a lower bound. */
export const count = (value: number, more = false): string => `${value.toLocaleString('en')}${more ? '+' : ''}`;

/** The same of things: `1,000+ jobs`. */
export const counted = (value: number, one: string, more = false): string =>
  `${count(value, more)} ${one}${value === 1 && !more ? '' : 's'}`;

export const sum = (points: readonly { value: number }[]): number => points.reduce((all, { value }) => all + value, 0);

export const duration = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : secondsText(ms / 1000));

/** How far a time is from now, in whole seconds: `26 s ago`. */
export function away(at: number): string {
  const text = secondsText(Math.round(Math.abs(Date.now() - at) / 1000));
  return at > Date.now() ? `in ${text}` : `${text} ago`;
}

export const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

/** Ids begin with their time, so their ends tell them apart. */
export const shortId = (id: string): string => (id.length > 12 ? `…${id.slice(-8)}` : id);

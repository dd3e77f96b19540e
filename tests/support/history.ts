import type { HistoryEntry } from '../../lib/engine/jobs/row';

/** The kind of an event: its first word, unless another word says more. */
export function kindOf({ event }: Pick<HistoryEntry<string>, 'event'>): string {
  if (event === 'ended without outcome') return 'crashed';
  if (event.endsWith(' proven')) return 'proven';
  return event.includes(' settled as ') ? 'settled' : event.replace(/ .*/, '');
}

export const ofKind =
  (...kinds: string[]) =>
  (entry: HistoryEntry): boolean =>
    kinds.includes(kindOf(entry));

export const sinceOpened = (history: HistoryEntry[]): HistoryEntry[] =>
  history.slice(history.findLastIndex(ofKind('reopened')) + 1);

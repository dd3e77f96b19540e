import { type HistoryEntry, isEnd, type JobRow } from '../jobs/row';

/** One bar of a job's waterfall. Times are ms since 1970. Without `to` it is open, and with `to` = `from` a point. */
export interface Span {
  kind: 'queue' | 'run' | 'wait' | 'step' | 'event';
  label: string;
  from: number;
  to?: number | undefined;
  /** A code, a status or an id. */
  note?: string | undefined;
}

const kindOf = ({ event }: HistoryEntry): string => event.split(' ')[0] ?? event;
/** What ends a run. */
const OUTCOMES = ['retry', 'held', 'dead', 'succeeded', 'cancelled', 'ended', 'given'];
/** What ends a wait outside the queue. */
const LEAVES = ['released', 'returned', 'started', 'reopened', 'dead', 'cancelled'];

/** The waits, runs and steps of a job in the order of their beginnings. Steps are inside the run that began them. */
export function timeline(row: JobRow): Span[] {
  const { history, createdAt, steps } = row;
  const endedAt = isEnd(row.state) ? row.endedAt : undefined;
  const spans: Span[] = [];
  for (const [index, entry] of history.entries()) {
    const { at: from, event, attempt, error } = entry;
    const kind = kindOf(entry);
    const note = error?.code ?? entry.note;
    const until = (kinds: string[]) => history.slice(index + 1).find((later) => kinds.includes(kindOf(later)))?.at;
    if (kind === 'started') {
      const to = until(OUTCOMES) ?? endedAt;
      const end = history.find((other) => other.at === to && OUTCOMES.includes(kindOf(other)));
      const outcome = end?.error ? `${end.event}: ${end.error.code}` : end?.event;
      spans.push({ kind: 'run', label: attempt === undefined ? 'run' : `attempt ${attempt}`, from, to, note: outcome });
    } else if (kind === 'held') spans.push({ kind: 'wait', label: event, from, to: until(LEAVES), note });
    else if (kind === 'sent' || kind === 'released' || kind === 'returned')
      spans.push({ kind: 'queue', label: `${event}, in the queue`, from, to: until(['started', ...LEAVES]) });
    else if (kind !== 'retry') spans.push({ kind: 'event', label: event, from, to: from, note });
  }
  for (const [name, { status, startedAt, endedAt: to, reason }] of Object.entries(steps)) {
    const note = reason === undefined ? status : `${status} (${reason})`;
    spans.push({ kind: 'step', label: `step ${name}`, from: startedAt, to, note });
  }
  if (spans.length === 0) spans.push({ kind: 'event', label: 'accepted', from: createdAt, to: createdAt });
  // What an end cut off ended with it.
  const closed = spans.map(({ to, ...span }) => ({
    ...span,
    to: to ?? (isEnd(row.state) ? (endedAt ?? span.from) : to),
  }));
  // A step begins after its run, also if the clock shows the same millisecond.
  return closed.sort((a, b) => a.from - b.from || Number(a.kind === 'step') - Number(b.kind === 'step'));
}

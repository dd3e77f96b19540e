import { type HistoryEntry, isEnd, type JobRow } from '../jobs/row';

/** One bar of a job's waterfall. Times are ms since 1970. Without `to` it is still open, and with `to` = `from` a point. */
export interface Span {
  kind: 'queue' | 'run' | 'wait' | 'step' | 'event';
  label: string;
  from: number;
  to?: number;
  /** A code, a status or an id. */
  note?: string;
}

/** The first word of an event. */
const kindOf = ({ event }: HistoryEntry): string => event.split(' ')[0] ?? event;
/** What ends a run. */
const OUTCOMES = ['retry', 'held', 'dead', 'succeeded', 'cancelled', 'ended', 'given'];
/** What ends a wait outside the queue. */
const LEAVES = ['released', 'returned', 'started', 'reopened', 'dead', 'cancelled'];

/** The waits, runs and steps of a job in the order of their beginnings. Steps are inside the run that began them. */
export function timeline(row: JobRow): Span[] {
  const { history, createdAt, steps } = row;
  const spans: Span[] = [];
  const ends = (from: number, kinds: string[], otherwise?: number): Pick<Span, 'to'> => {
    const found = history.slice(from + 1).find((entry) => kinds.includes(kindOf(entry)))?.at ?? otherwise;
    return found === undefined ? {} : { to: found };
  };
  for (const [index, entry] of history.entries()) {
    const { at, event, attempt, error, note } = entry;
    const kind = kindOf(entry);
    const why = error?.code ?? note;
    const noted = why === undefined ? {} : { note: why };
    if (kind === 'started') {
      const label = attempt === undefined ? 'run' : `attempt ${attempt}`;
      const to = ends(index, OUTCOMES, isEnd(row.state) ? row.endedAt : undefined);
      spans.push({ kind: 'run', label, from: at, ...to, ...outcomeAt(row, to.to) });
    } else if (kind === 'held') spans.push({ kind: 'wait', label: event, from: at, ...ends(index, LEAVES), ...noted });
    else if (kind === 'sent' || kind === 'released' || kind === 'returned')
      spans.push({ kind: 'queue', label: `${event}, in the queue`, from: at, ...ends(index, ['started', ...LEAVES]) });
    else if (kind !== 'retry') spans.push({ kind: 'event', label: event, from: at, to: at, ...noted });
  }
  for (const [name, { status, startedAt, endedAt, reason }] of Object.entries(steps))
    spans.push({
      kind: 'step',
      label: `step ${name}`,
      from: startedAt,
      ...(endedAt === undefined ? {} : { to: endedAt }),
      note: reason === undefined ? status : `${status} (${reason})`,
    });
  if (spans.length === 0) spans.push({ kind: 'event', label: 'accepted', from: createdAt, to: createdAt });
  // What an end cut off ended with it.
  const closed = spans.map((span) => ({
    ...span,
    ...(isEnd(row.state) ? { to: span.to ?? row.endedAt ?? span.from } : {}),
  }));
  // A step begins after its run, also if the clock shows the same millisecond.
  return closed.sort((a, b) => a.from - b.from || Number(a.kind === 'step') - Number(b.kind === 'step'));
}

/** The outcome of the run that ended then. */
function outcomeAt({ history }: JobRow, at: number | undefined): Pick<Span, 'note'> {
  const outcome = history.find((entry) => entry.at === at && OUTCOMES.includes(kindOf(entry)));
  return outcome ? { note: outcome.error ? `${outcome.event}: ${outcome.error.code}` : outcome.event } : {};
}

import type { SourceMutant } from '../source-mutant';

const ORDER = 'lib/jobs/order.ts';
const TICKETS = 'lib/jobs/tickets.ts';
const BEHIND = 'lib/reconcile/behind.ts';

/** Faults in the order of held jobs. */
export const ORDER_MUTANTS: Record<string, SourceMutant> = {
  readsAllBeforeItReleases: {
    changes: [
      { file: BEHIND, find: 'throughAll([byLine(round), byRow(round)], each, 2)', replace: 'each(byRow(round))' },
      {
        file: BEHIND,
        find: 'yield { group, rows: some };\n    }',
        replace:
          'round.served.set(group, some);\n    }\n  for (const group of [...round.served.keys()]) if (round.served.delete(group)) yield { group, rows: [] };',
      },
      {
        file: BEHIND,
        find: 'async function* byRow({ deps, queue, mayGoOn, known }: Round): AsyncGenerator<Found> {',
        replace: 'async function* byRow(round) {\n  const { deps, queue, mayGoOn, known } = round;',
      },
    ],
    breaks: /^liveness/,
    by: { scale: 'released-lines' },
  },
  linesAreReleasedAtAnyPace: {
    changes: [
      { file: BEHIND, find: "inTime() && turn.full() === 'no'", replace: 'inTime()' },
      {
        file: BEHIND,
        find: 'await turn.release(async () => {',
        replace: 'await (async (act) => act())(async () => {',
      },
    ],
    breaks: /^runs in vain/,
    by: { scale: 'lines-limited' },
  },
  lineInOneList: {
    changes: [{ file: ORDER, find: 'job, stored.waiting.length >= most)', replace: 'job, false)' }],
    breaks: /^same cost at any length/,
    by: { scale: 'line' },
  },
  ticketsAreUsedBeforeTheFrontHasThem: {
    changes: [
      {
        file: ORDER,
        find: 'const same = changed === stored',
        replace: 'if (drawn) await tickets.use(line, drawn);\n      const same = changed === stored',
      },
    ],
    breaks: /^nothing lost/,
    by: { scale: 'line-races' },
  },
  ticketsAreCountedBeforeTheyAreWritten: {
    changes: [
      {
        file: TICKETS,
        find: 'const result = await writeItem({ ...deps, item: ticket, expected: 0 });',
        replace:
          'await move(line, { next: next + 1 }, numbers);\n        const result = await writeItem({ ...deps, item: ticket, expected: 0 });',
      },
    ],
    breaks: /^(nothing lost|order kept)/,
    by: { scale: 'line-races' },
  },
  frontIsEmptyWhileTheRearIsNot: {
    changes: [{ file: ORDER, find: 'least = Math.max(2, most / 2)', replace: 'least = 0' }],
    breaks: /^(nothing lost|order kept)/,
    by: { scale: 'line-races' },
  },
};

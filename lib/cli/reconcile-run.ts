import { groupBy } from '../group-by';
import { ANALYTICS_QUEUE } from '../jobs/keys';
import { OperatorError } from '../ops/operator';
import { AUDIT_DAYS, type Audit, audit } from '../reconcile/audit';
import type { Entries } from '../reconcile/audit-entries';
import type { Difference } from '../reconcile/difference';
import { counted, timeText } from '../text';
import type { Run } from './command';
import { isDryRun } from './dry-run';
import { hour, queues } from './options';
import { type NumberedMessages, numberedMessages, sequenceLines } from './sequence-report';
import { tableText } from './text';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Exit code if differences remain. */
const DIFFERENT = 2;

/** The code of `sls reconcile`. */
export const reconcileRun: Run = async ({ options, out, operator, audited }) => {
  const givenFrom = hour(options, 'from');
  const givenTo = hour(options, 'to');
  const deps = await operator();
  const now = deps.clock.now();
  const to = Math.min(givenTo ?? now, now);
  const from = givenFrom ?? to - DAY_MS;
  if (from >= to) throw new OperatorError('--from must be in the past and before --to.');
  if (from < now - AUDIT_DAYS * DAY_MS)
    throw new OperatorError(`--from must be within the last ${AUDIT_DAYS} days. Older rows are deleted.`);

  // A dry run lists the differences, as the command does without --repair.
  const repair = options.repair === true && !isDryRun(options);
  if (repair) await audited();
  const audits: Audit[] = [];
  let sequences: NumberedMessages | undefined;
  for (const queue of queues(options, deps)) {
    const bar = out.progress(Math.ceil((to - from) / HOUR_MS));
    audits.push(await audit(deps, { queue, from, to, repair, onHour: bar.set }).finally(bar.stop));
    if (queue === ANALYTICS_QUEUE) sequences = await numberedMessages(deps, { from, to, repair });
  }
  if (options.json) out.json({ audits: audits.map(view), ...(sequences && { sequences }) });
  else for (const line of [...audits.flatMap(lines), ...(sequences ? sequenceLines(sequences) : [])]) out.line(line);
  const damaged = sequences?.damage.some(({ repaired }) => !repaired);
  if (audits.some(({ differences }) => differences.length > 0) || sequences?.gaps.length || damaged)
    out.exitCode(DIFFERENT);
};

const iso = (time: number): string => new Date(time).toISOString();
const view = ({ entries: { hiddenUntil, ...entries }, ...found }: Audit) => ({
  ...found,
  from: iso(found.from),
  to: iso(found.to),
  entries: { ...entries, ...(hiddenUntil && { hiddenUntil: iso(hiddenUntil) }) },
});

function lines({ queue, from, to, records, entries, differences, repaired }: Audit): string[] {
  const { live, ended, records: agreeing, underWay } = records;
  return [
    `${queue}, ${iso(from).slice(0, 13)} to ${iso(to).slice(0, 13)} (UTC)`,
    `  ${counted(ended, 'ended row')}, ${counted(agreeing, 'record')}${underWay ? `, ${underWay} being written` : ''}; ${counted(live, 'live row')}`,
    `  ${counted(entries.parked, 'dead row')} in the DLQ, ${counted(entries.entries, 'entry', 'entries')}${hiddenText(entries)}`,
    ...(repaired.length > 0 ? [`  ${counted(repaired.length, 'difference')} repaired`] : []),
    differences.length === 0 ? '  No differences.' : `  ${counted(differences.length, 'difference')}:`,
    ...tableText(['', '', '', ''], shown(differences))
      .slice(1)
      .map((line) => `    ${line}`),
  ];
}

function hiddenText({ hidden, hiddenUntil }: Entries): string {
  if (hiddenUntil !== undefined)
    return `, ${hidden || 'some'} hidden by the reconciler until ${timeText(hiddenUntil)} (UTC)`;
  return hidden > 0 ? `, ${hidden} hidden by another reader` : '';
}

/** How many differences of one kind are listed. */
const MOST_LISTED = 100;

/** A line for each difference. If one kind has too many, its last line says how many more there are. */
const shown = (differences: Difference[]): string[][] =>
  [...groupBy(differences, ({ kind }) => kind)].flatMap(([kind, all]) => {
    const more = all.length - MOST_LISTED;
    return [
      ...all.slice(0, MOST_LISTED).map(cells),
      ...(more > 0 ? [[kind, `and ${more} more. --json lists all`]] : []),
    ];
  });

const cells = ({ kind, id, key = '', fields = [] }: Difference): string[] => [kind, id, key, fields.join(', ')];

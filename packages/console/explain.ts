import * as z from 'zod';
import {
  BY_ITS_PRODUCER,
  isEnd,
  type JobRow,
  lackedStep,
  type Reason,
  type Step,
  VENDOR_PAUSED,
  VENDOR_STOPPED,
  waitsForItsTime,
} from '../../lib/engine/jobs/row';
import { type JobAction, whyNot } from '../../lib/operate/ops/act';
import { stateOf } from '../../lib/operate/ops/operator';
import type { Outage } from '../../lib/operate/ops/pause';
import { isRefusal } from '../../lib/platform/errors';
import { timeText } from '../../lib/platform/text';

type Words = [sentence: string, next: string];

const vendorOf = ({ vendor, error }: JobRow): string => vendor ?? error?.vendor ?? 'the vendor';
const codeOf = ({ error }: JobRow): string => (error ? ` (${error.code})` : '');
const untilOf = ({ retryAt }: JobRow): string => (retryAt === undefined ? '' : ` until ${timeText(retryAt)} UTC`);
const ALONE = 'Nothing. It continues automatically.';
const ONCE_MORE = 'Retry it, if it is still wanted.';
const AFTER_ALL = 'Retry it, if it is wanted after all.';

const WORDS: Record<Reason, (row: JobRow, outage: Outage | undefined) => Words> = {
  throttled: (row) => [`${vendorOf(row)} asked us to wait${untilOf(row)}.`, ALONE],
  retry: (row) => {
    const why = waitsForItsTime(row) ? 'Its producer planned it' : `An attempt failed${codeOf(row)}`;
    return [`${why}, and it waits${untilOf(row)}.`, ALONE];
  },
  paused: () => ['An operator paused its campaign.', 'Resume the campaign when it may continue.'],
  stopped: (row, outage) => {
    const vendor = vendorOf(row);
    if (row.error?.code === VENDOR_PAUSED) return [`An operator paused ${vendor}.`, ALONE];
    if (!outage) return [`It waited for ${vendor}.`, 'Wait. The vendor works again, so the job goes soon.'];
    const { code, trial } = outage;
    const refuses = isRefusal(code);
    return [
      `${vendor} ${refuses ? 'refuses our calls' : 'is down'} (${code}), so its circuit breaker is open.`,
      `${refuses ? 'Renew the key, or sign the agreement.' : 'Wait.'} ${trial}`,
    ];
  },
  unknown: () => [
    'A step may have taken effect, and the vendor cannot be asked. Nothing repeats it.',
    "Look at the vendor's own log. Then say whether the step is done, or is to be skipped.",
  ],
  error: (row) => {
    const { message, code, class: kind, field } = row.error ?? {};
    const why = row.error ? `: ${field ? `${field}: ` : ''}${message} (${code})` : '';
    return kind === 'transient' || kind === 'ambiguous'
      ? [
          `Its last attempt failed${why}.`,
          `Retry it once ${vendorOf(row)} works again. Discard it if it is no longer needed.`,
        ]
      : [`It cannot succeed${why}.`, 'Fix the cause, then retry it. Discard it if it is no longer needed.'];
  },
  crash: () => [
    'It was parked because its runs crashed: they ended without an outcome.',
    'Fix the code and deploy it. Then retry the job.',
  ],
  expired: () => ['Its message reached the end of the retention before a worker could finish it.', ONCE_MORE],
  'never-sent': ({ bodyKept }) => [
    'Its message was never sent.',
    bodyKept ? ONCE_MORE : 'Let the caller send it again with the same key.',
  ],
  superseded: ({ cancelledBy = 'unknown' }) => [
    `A later command about the same tester replaced it: ${cancelledBy}.`,
    'Send a new job if this one is wanted after all.',
  ],
  operator: ({ cancelledBy }) => {
    // Rows of a cancelled campaign do not tell who cancelled a job.
    const who = cancelledBy === undefined ? 'An operator or its producer' : 'An operator';
    return [`${cancelledBy === BY_ITS_PRODUCER ? 'Its producer' : who} cancelled it.`, AFTER_ALL];
  },
};

/** Says in a sentence why a job is where it is, what to do next, and what an operator can do with it at `now`. */
export function explain(row: JobRow, now: number, outage?: Outage) {
  const allowed = (Object.keys(whyNot) as JobAction[]).filter((action) => whyNot[action](row, now) === undefined);
  // A repeat of a replacement is allowed, but it changes nothing.
  const actions = row.replacedBy === undefined ? allowed : [];
  const [sentence, next] = wordsOf(row, outage);
  return { sentence, next, actions, notReplaceable: whyNot.replace(row) };
}

function wordsOf(row: JobRow, outage: Outage | undefined): Words {
  const { state, reason, replacedBy } = row;
  if (replacedBy !== undefined)
    return [`An operator sent it again with other data, as ${replacedBy}.`, 'Look at that job.'];
  if (row.erased) return ['An operator erased what it was about.', 'Nothing is left to do.'];
  if (state === 'queued') return ['It waits in its queue for a worker.', ALONE];
  if (state === 'processing') return ['A worker runs it.', 'Wait for the outcome.'];
  if (state === 'succeeded') return succeeded(row);
  const [said, next] = WORDS[reason as Reason](row, outage);
  const sentence = row.owed?.until === undefined ? said : `${said} ${leftText(row.owed.until)}`;
  return row.discarded ? [`${sentence} An operator discarded it.`, AFTER_ALL] : [sentence, next];
}

const leftText = (until: number): string =>
  `Only its mail is left. It ends without it at ${timeText(until)} UTC, and later if an operator pauses the vendor.`;

function succeeded(row: JobRow): Words {
  if (!row.without) return ['It is done.', 'Nothing is left to do.'];
  const [said, last] = [`It ${stateOf(row)}.`, 'Nothing is left to do.'];
  const { what } = lackedStep(row) ?? {};
  if (what === undefined) return [said, last];
  if (whyNot.settle(row) === undefined)
    return [said, `Look at the vendor's own log. Then say whether ${what} is done.`];
  return [said, whyNot.resend(row) ?? 'Send the mail, if it is still wanted.'];
}

/** What a part of a timeline is: a run, a step of it, a wait outside a worker, an end, or the way through the queue. */
type Part = 'run' | 'step' | 'wait' | 'good' | 'bad' | 'rest';

const PARTS: readonly [RegExp, Part][] = [
  [/^started/, 'run'],
  [/^(held|retry|planned)/, 'wait'],
  [/^succeeded/, 'good'],
  [/^dead/, 'bad'],
];

/** A bar of a timeline. Times are ms since 1970. Without `to` it is open, and with `to` = `from` it is a point. */
export interface Span {
  label: string;
  part: Part;
  from: number;
  to: number | undefined;
  note: string | undefined;
  /** Of a step: whether it has not gone well, its run, and what the vendor answered. */
  failed?: boolean;
  run?: Span | undefined;
  made?: [name: string, value: string | number][];
}

/** The history and the steps of a job in the order of their beginnings. An entry of the history lasts until the next. */
export function timeline({ history, steps, state, ...row }: JobRow): Span[] {
  const over = isEnd(state);
  const entries: Span[] = history.map(({ at: from, event, attempt, error, note }, index) => ({
    label: attempt === undefined ? event : `${event}, attempt ${attempt}`,
    part: PARTS.find(([of]) => of.test(event))?.[1] ?? 'rest',
    from,
    to: history[index + 1]?.at ?? (over ? from : undefined),
    note: error?.code ?? note,
  }));
  const runOf = (at: number) => entries.findLast(({ part, from }) => part === 'run' && from <= at);
  /** When the call of a run began that ended at `at`: a run does one thing after another. */
  const begun = (run: Span | undefined, at: number) =>
    Math.max(run?.from ?? at, ...Object.values(steps).map(({ endedAt = 0 }) => (endedAt < at ? endedAt : 0)));
  const ofSteps = Object.entries(steps).map(([label, { status, startedAt: from, endedAt, reason, result }]): Span => {
    const step = { label, part: 'step', run: runOf(from) } as const;
    const reduced = reductionOf(result);
    if (reduced) return { ...step, from: begun(step.run, from), to: from, note: reduced, failed: true, made: [] };
    return {
      ...step,
      from,
      to: endedAt ?? (over ? row.endedAt : undefined),
      note: reason === undefined ? status : `${status} (${reason})`,
      failed: status !== 'done' && (status !== 'started' || reason !== undefined),
      made: Object.entries(Object(result) as Record<string, string>).filter(([, value]) => Object(value) !== value),
    };
  });
  // A call without an effect leaves no step, but the error of its run. What may have had one is in its step.
  const calls = history.flatMap(({ at: to, error }, index): Span[] => {
    const run = entries[index - 1];
    if (run?.part !== 'run' || error?.vendor === undefined || NO_CALL.includes(error.code)) return [];
    if (Object.values(steps).some((step) => step.startedAt >= run.from && isOpen(step))) return [];
    const { code, status, field, vendor } = error;
    const note = [code, status && `status ${status}`, field].filter(Boolean).join(', ');
    return [{ label: `call to ${vendor}`, part: 'step', from: begun(run, to), to, note, failed: true, run, made: [] }];
  });
  // A step begins after its run, also if the clock shows the same millisecond: the sort is stable.
  return [...entries, ...ofSteps, ...calls].sort((a, b) => a.from - b.from);
}

/** The codes of errors that kept a vendor from being called. */
const NO_CALL = [VENDOR_STOPPED, VENDOR_PAUSED];
const isOpen = ({ status }: Step): boolean => status === 'started' || status === 'unknown';

const reduction = z.object({
  vendor: z.string().default('the vendor'),
  without: z.array(z.object({ what: z.string(), code: z.string() })),
});

/** What a step says that holds what the next request leaves out, because a vendor refused the one before. */
function reductionOf(result: unknown): string | undefined {
  const { vendor, without = [] } = reduction.safeParse(result).data ?? {};
  const [first] = without;
  const names = without.map(({ what }) => what).join(', ');
  return first && `${vendor} refused it (${first.code}), so the next call is without ${names}`;
}

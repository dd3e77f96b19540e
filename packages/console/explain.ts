import { KINDS, type Kind } from '../../lib/alarms/kinds';
import { isRefusal } from '../../lib/errors';
import { BY_ITS_PRODUCER, isEnd, type JobRow, type Reason, waitsForItsTime } from '../../lib/jobs/row';
import { type JobAction, whyNot } from '../../lib/ops/act';
import { stateOf } from '../../lib/ops/operator';
import type { Overview } from '../../lib/ops/overview';
import { slsCommand, type Target } from '../../lib/target';
import { timeText } from '../../lib/text';
import { VENDOR_PAUSED, VENDOR_STOPPED } from '../../lib/worker/circuit';

/** A job's state for a person who does not know the service. */
export interface Explained {
  sentence: string;
  next: string;
  actions: JobAction[];
  /** Why the job cannot be sent again with other data. */
  notReplaceable?: string;
}

type Words = [sentence: string, next: string];

const vendorOf = ({ vendor, error }: JobRow): string => vendor ?? error?.vendor ?? 'the vendor';
const codeOf = ({ error }: JobRow): string => (error ? ` (${error.code})` : '');
const untilOf = ({ retryAt }: JobRow): string => (retryAt === undefined ? '' : ` until ${timeText(retryAt)} UTC`);
const TRIAL = 'A trial call finds out when the vendor works again, and the job continues.';
const ALONE = 'Nothing. It continues automatically.';
const ONCE_MORE = 'Retry it, if it is still wanted.';
const AFTER_ALL = 'Retry it, if it is wanted after all.';

const WORDS: Record<Reason, (row: JobRow) => Words> = {
  throttled: (row) => [`${vendorOf(row)} asked us to wait${untilOf(row)}.`, ALONE],
  retry: (row) => {
    const why = waitsForItsTime(row) ? 'Its producer planned it' : `An attempt failed${codeOf(row)}`;
    return [`${why}, and it waits${untilOf(row)}.`, ALONE];
  },
  paused: () => ['An operator paused its campaign.', 'Resume the campaign when it may continue.'],
  stopped: (row) => {
    if (row.error?.code === VENDOR_PAUSED) return [`An operator paused ${vendorOf(row)}.`, ALONE];
    // Whether the vendor refuses us, and is not just down.
    const refuses = row.error?.code === VENDOR_STOPPED || isRefusal(row.error?.code);
    return [
      `${vendorOf(row)} ${refuses ? 'refuses our calls' : 'is down'}${codeOf(row)}, so its circuit breaker is open.`,
      `${refuses ? 'Renew the key, or sign the agreement.' : 'Wait.'} ${TRIAL}`,
    ];
  },
  unknown: () => [
    'A step may have taken effect, and the vendor cannot be asked. Nothing repeats it.',
    "Look at the vendor's own log. Then say whether the step is done, or is to be skipped.",
  ],
  error: (row) => {
    const { message, code, class: kind } = row.error ?? {};
    const why = row.error ? `: ${message} (${code})` : '';
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
export function explain(row: JobRow, now: number): Explained {
  if (row.replacedBy !== undefined) {
    const sentence = `An operator sent it again with other data, as ${row.replacedBy}.`;
    return { sentence, next: 'Look at that job.', actions: [], notReplaceable: sentence };
  }
  if (row.erased)
    return { sentence: 'An operator erased what it was about.', next: 'Nothing is left to do.', actions: [] };
  const actions = (Object.keys(whyNot) as JobAction[]).filter((action) => whyNot[action](row, now) === undefined);
  const notReplaceable = whyNot.replace(row);
  const [sentence, next] = wordsOf(row);
  return { sentence, next, actions, ...(notReplaceable !== undefined && { notReplaceable }) };
}

function wordsOf(row: JobRow): Words {
  const { state, reason } = row;
  if (state === 'queued') return ['It waits in its queue for a worker.', ALONE];
  if (state === 'processing') return ['A worker runs it.', 'Wait for the outcome.'];
  if (state === 'succeeded') return ['It is done.', 'Nothing is left to do.'];
  const words = reason === undefined ? undefined : WORDS[reason];
  const [sentence, next] = words?.(row) ?? [`It is ${stateOf(row)}.`, 'A newer release knows this reason.'];
  return row.discarded ? [`${sentence} An operator discarded it.`, AFTER_ALL] : [sentence, next];
}

/** Commands that need AWS. The terminal of `npm start` shows the logs of the local service. */
const ONLY_DEPLOYED = /^(logs|deploy|info)/;

/** An alarm for a person who does not know the service, and the commands that show more or end it. */
export function alarmWords({ kind, subject, code, jobId }: Overview['alarms'][number], target: Target) {
  const { title, meaning, inspect, next }: Kind = KINDS[kind];
  const texts = [inspect, next].flatMap((text) => text?.replaceAll('{}', subject).replace('JOB', jobId ?? 'JOB') ?? []);
  const runs = texts.filter((text) => !text.includes('JOB') && !(target.stage === 'local' && ONLY_DEPLOYED.test(text)));
  return {
    sentence: `${subject && `${subject}: `}${title}${code === undefined ? '' : ` (${code})`}. ${meaning}`,
    commands: [...new Set(runs)].map((text) => slsCommand(text, target)),
  };
}

/** One bar of a job's timeline. Times are ms since 1970. Without `to` it is open, and with `to` = `from` a point. */
export interface Span {
  label: string;
  from: number;
  to?: number | undefined;
  /** A code, a status or an id. */
  note?: string | undefined;
}

/** The history and the steps of a job in the order of their beginnings. An entry of the history lasts until the next. */
export function timeline({ history, steps, state, ...row }: JobRow): Span[] {
  const over = isEnd(state);
  const entries = history.map(({ at: from, event, attempt, error, note }, index): Span => {
    const to = history[index + 1]?.at ?? (over ? from : undefined);
    return {
      label: attempt === undefined ? event : `${event}, attempt ${attempt}`,
      from,
      to,
      note: error?.code ?? note,
    };
  });
  const ofSteps = Object.entries(steps).map(([name, { status, startedAt: from, endedAt, reason }]): Span => {
    const note = reason === undefined ? status : `${status} (${reason})`;
    return { label: `step ${name}`, from, to: endedAt ?? (over ? row.endedAt : undefined), note };
  });
  // A step begins after its run, also if the clock shows the same millisecond: the sort is stable.
  return [...entries, ...ofSteps].sort((a, b) => a.from - b.from);
}

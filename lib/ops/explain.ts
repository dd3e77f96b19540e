import { isRefusal } from '../errors';
import { type JobRow, type Reason, waitsForItsTime } from '../jobs/row';
import { VENDOR_STOPPED } from '../limits/circuit';
import { BY_ITS_PRODUCER } from '../producer/jobs';
import { timeText } from '../text';
import { whyNot } from './act';
import { stateOf } from './operator';
import { whyNotReplaceable } from './replace';

const ACTIONS = ['retry', 'edit', 'settle', 'cancel', 'discard'] as const;
/** What an operator can do with a job. `edit`: send it again with other data. */
export type JobAction = (typeof ACTIONS)[number];

/** A job's state for a person who does not know the service. */
export interface Explained {
  /** Why the job is where it is. */
  sentence: string;
  /** What to do next. */
  next: string;
  actions: JobAction[];
  /** Why a dead or cancelled job cannot be sent again with other data. */
  notEditable?: string;
}

type Words = Pick<Explained, 'sentence' | 'next'>;

/** The vendor that a job waits for, in words. */
const vendorOf = ({ vendor, error }: JobRow): string => vendor ?? error?.vendor ?? 'the vendor';
const codeOf = ({ error }: JobRow): string => (error ? ` (${error.code})` : '');
const untilOf = ({ retryAt }: JobRow): string => (retryAt === undefined ? '' : ` until ${timeText(retryAt)} UTC`);
/** Whether the vendor refuses us, and is not just down. */
const refusesUs = ({ error }: JobRow): boolean => error?.code === VENDOR_STOPPED || isRefusal(error?.code);
const TRIAL = 'A trial call finds out when the vendor works again, and the job continues.';
const ALONE = 'Nothing. It continues automatically.';

const WORDS: Record<Reason, (row: JobRow) => Words> = {
  throttled: (row) => ({ sentence: `${vendorOf(row)} asked us to wait${untilOf(row)}.`, next: ALONE }),
  retry: (row) => ({
    sentence: waitsForItsTime(row)
      ? `Its producer planned it, and it waits${untilOf(row)}.`
      : `An attempt failed${codeOf(row)}, and it waits${untilOf(row)}.`,
    next: ALONE,
  }),
  paused: () => ({ sentence: 'An operator paused its campaign.', next: 'Resume the campaign when it may continue.' }),
  stopped: (row) =>
    refusesUs(row)
      ? {
          sentence: `${vendorOf(row)} refuses our calls${codeOf(row)}, so its circuit breaker is open.`,
          next: `Renew the key, or sign the agreement. ${TRIAL}`,
        }
      : {
          sentence: `${vendorOf(row)} is down${codeOf(row)}, so its circuit breaker is open.`,
          next: `Wait. ${TRIAL}`,
        },
  unknown: () => ({
    sentence: 'A step may have taken effect, and the vendor cannot be asked. Nothing repeats it.',
    next: "Look at the vendor's own log. Then say whether the step is done, or is to be skipped.",
  }),
  error: (row) => {
    const { message, code, class: kind } = row.error ?? {};
    const why = row.error ? `: ${message} (${code})` : '';
    return kind === 'transient' || kind === 'ambiguous'
      ? {
          sentence: `Its last attempt failed${why}.`,
          next: `Retry it once ${vendorOf(row)} works again. Discard it if it is no longer needed.`,
        }
      : {
          sentence: `It cannot succeed${why}.`,
          next: 'Fix the cause, then retry it. Discard it if it is no longer needed.',
        };
  },
  crash: () => ({
    sentence: 'It was parked because its runs crashed: they ended without an outcome.',
    next: 'Fix the code and deploy it. Then retry the job.',
  }),
  expired: () => ({
    sentence: 'Its message reached the end of the retention before a worker could finish it.',
    next: 'Retry it, if it is still wanted.',
  }),
  'never-sent': ({ bodyKept }) => ({
    sentence: 'Its message was never sent.',
    next: bodyKept ? 'Retry it, if it is still wanted.' : 'Let the caller send it again with the same key.',
  }),
  superseded: ({ cancelledBy = 'unknown' }) => ({
    sentence: `A later command about the same tester replaced it: ${cancelledBy}.`,
    next: 'Send a new job if this one is wanted after all.',
  }),
  operator: (row) => ({ sentence: `${cancellerOf(row)} cancelled it.`, next: 'Retry it, if it is wanted after all.' }),
};

/** Rows of a cancelled campaign do not tell who cancelled a job. */
function cancellerOf({ cancelledBy }: JobRow): string {
  if (cancelledBy === undefined) return 'An operator or its producer';
  return cancelledBy === BY_ITS_PRODUCER ? 'Its producer' : 'An operator';
}

/** Says in a sentence why a job is where it is, what to do next, and what an operator can do with it at `now`. */
export function explain(row: JobRow, now: number): Explained {
  if (row.replacedBy !== undefined)
    return {
      sentence: `An operator sent it again with other data, as ${row.replacedBy}.`,
      next: 'Look at that job.',
      actions: [],
    };
  const can = { ...whyNot, edit: whyNotReplaceable };
  const actions = ACTIONS.filter((action) => can[action](row, now) === undefined);
  const notEditable = actions.includes('retry') ? whyNotReplaceable(row) : undefined;
  return { ...wordsOf(row), actions, ...(notEditable === undefined ? {} : { notEditable }) };
}

function wordsOf(row: JobRow): Words {
  const { state, reason } = row;
  if (state === 'queued') return { sentence: 'It waits in its queue for a worker.', next: ALONE };
  if (state === 'processing') return { sentence: 'A worker runs it.', next: 'Wait for the outcome.' };
  if (state === 'succeeded') return { sentence: 'It is done.', next: 'Nothing is left to do.' };
  const words = reason === undefined ? undefined : WORDS[reason];
  const said = words?.(row) ?? { sentence: `It is ${stateOf(row)}.`, next: 'A newer release knows this reason.' };
  if (!row.discarded) return said;
  return { sentence: `${said.sentence} An operator discarded it.`, next: 'Retry it, if it is wanted after all.' };
}

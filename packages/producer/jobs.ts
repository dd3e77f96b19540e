import * as z from 'zod';
import { jobKey } from '../../lib/engine/jobs/keys';
import {
  BY_ITS_PRODUCER,
  isEnd,
  type JobRow,
  present,
  type Reason,
  type State,
  waitsForItsTime,
} from '../../lib/engine/jobs/row';
import { cancel as cancelled, isCancelledByOperator } from '../../lib/engine/jobs/transitions';
import { invalid, JobEndedError, JobNotFoundError } from '../../lib/engine/submit/errors';
import { askedId, ownersOf, valid } from '../../lib/engine/submit/options';
import type { SubmitDeps } from '../../lib/engine/submit/submit';
import { ignoreStoreError, StoreError } from '../../lib/platform/errors';
import type { Clock, Completion } from '../../lib/platform/ports';
import { exactLine } from '../../lib/platform/text';
import { KIND_OF, type Results } from '../../lib/queues/kinds';
import { type CallLimits, callLimits } from './calls';

interface JobFacts {
  id: string;
  queue?: string;
  /**
   * `planned`: the job waits for its `notBefore`. `pending`: it has no row yet, because the table was down when a job
   * without a key was accepted, or because the id is invented.
   */
  state: State | 'planned' | 'pending';
  /** Why the job is held, dead or cancelled. */
  reason?: Reason;
  /** Whether the job has reached an end. An operator can still reopen a dead or cancelled job. */
  ended: boolean;
  /** Why the job is dead or waits. It names rules, never values. */
  error?: { code: string; message: string; field?: string };
  /** ISO 8601, as the other times. */
  acceptedAt?: string;
  /** When a planned job starts at the earliest. */
  notBefore?: string;
  startedAt?: string;
  endedAt?: string;
}

/** Whether an event is about the end of a job of this kind. Its `result` then has that kind's type. */
export const isEndOf = <K extends keyof Results>(end: Completion, kind: K): end is Completion<Results[K]> =>
  KIND_OF[end.type ?? ''] === kind;

type Result = { [K in keyof Results]: { kind: K; result?: Results[K] } }[keyof Results];

/**
 * What an API may show about a job. It never holds groups, addresses or confidential results. `result` is the worker's
 * after a success, and `kind` says which one. Jobs of other senders' types have no kind.
 */
export type JobStatus = JobFacts & (Result | { kind?: undefined; result?: unknown });

export type FindOptions = Omit<z.input<typeof questionSchema>, 'id'>;

/** Whose job it must be, and the limits of the call. */
export type AskOptions = FindOptions & CallLimits;

export type CancelledStatus = JobStatus & {
  /** Whether the job will never start. If not, its time has come, or it was not planned. */
  cancelled: boolean;
};

/**
 * Asks about jobs. Every function rejects with a StoreError if the table is down, or an InvalidJobError that names a wrong
 * id or option. A JobNotFoundError: the job is another principal's, was never accepted, or ended 45 days ago.
 */
export interface Jobs {
  /** What is known about a job now. */
  get(id: string, options?: AskOptions): Promise<JobStatus>;
  /** Cancels a job with `notBefore` that still waits for its time. A second call has the same answer. */
  cancel(id: string, options?: AskOptions): Promise<CancelledStatus>;
  /**
   * Waits for the end of a job, and resolves with its status after a success. It asks again after pauses that grow from
   * 0.2 to 5 seconds, and gives up after `timeoutMs` (60,000 by default) with a StoreError (`Producer.NotEnded`). Rejects
   * with a JobEndedError if the job is dead or cancelled.
   */
  wait(id: string, options?: AskOptions): Promise<JobStatus>;
}

export interface JobsDeps extends Pick<SubmitDeps, 'ledger' | 'clock' | 'hashPeople'> {
  queueNames: readonly string[];
}

const DAY_MS = 24 * 60 * 60_000;

/** Finds the row of a job that the asker may see. `undefined`: the job may be accepted without a row. */
export async function find(deps: JobsDeps, id: string, options: FindOptions = {}): Promise<JobRow | undefined> {
  const { ledger, queueNames, hashPeople, clock } = deps;
  const { queue, principal, system } = checked(queueNames, { ...options, id });
  const keys = (queue === undefined ? queueNames : [queue]).map((name) => jobKey(name, id));
  const rows = await Promise.all(keys.map((key) => ledger.get(key)));
  const row = rows.find((one) => one !== undefined);
  const found = row
    ? system || (await ownersOf(hashPeople, principal)).includes(row.owner)
    : mayHaveNoRow(id, clock.now());
  if (!found) throw new JobNotFoundError();
  return row;
}

export function jobsOf(deps: JobsDeps): Omit<Jobs, 'wait'> {
  const { ledger, clock } = deps;
  return {
    async get(id, options) {
      const row = await find(deps, id, options);
      return row ? statusOf(row) : pending(id);
    },
    async cancel(id, options) {
      const found = await find(deps, id, options);
      if (!found) return { ...pending(id), cancelled: false };
      // The reconciler completes the end: its record and its event.
      const withdrawn = (row: JobRow) =>
        waitsForItsTime(row) ? cancelled(row, clock.now(), BY_ITS_PRODUCER) : undefined;
      const { item: row = found } = await ledger.update(found.key, withdrawn, found);
      const never = isCancelledByOperator(row) && row.firstStartedAt === undefined;
      return { ...statusOf(row), cancelled: never };
    },
  };
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
const WAITS_MS = 60_000;

/** `jobs.wait` over `jobs.get`. A question that a StoreError answers is asked again, as long as there is time. */
export const waiting =
  (get: Jobs['get'], clock: Clock): Jobs['wait'] =>
  async (id, { timeoutMs = WAITS_MS, ...options } = {}) => {
    valid(callLimits, { timeoutMs }, 'options');
    const deadline = clock.now() + timeoutMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
      const left = Math.max(1, deadline - clock.now());
      const job = await get(id, { ...options, timeoutMs: left }).catch((error: unknown) => {
        if (options.signal?.aborted || clock.now() >= deadline) throw error;
        return ignoreStoreError(error);
      });
      if (job?.state === 'succeeded') return job;
      if (job?.ended) throw new JobEndedError(id, job.state, job.reason, job.error?.code);
      if (clock.now() + pause >= deadline || options.signal?.aborted) throw notEnded(job?.state);
      await clock.sleep(pause, options.signal);
    }
  };

const notEnded = (state = 'unknown') =>
  new StoreError({ code: 'Producer.NotEnded', message: `the job has not ended (${state})` });

export const questionSchema = z.strictObject({
  id: askedId,
  queue: z.string().optional().describe("The job's queue. Without it, every queue of the instance is asked."),
  principal: exactLine(255, 'Whose job it must be. Without it, only jobs that were sent for none.').optional(),
  system: z.literal(true).optional().describe('Finds the jobs of every principal and of the system.'),
});

function checked(queueNames: readonly string[], asked: FindOptions & { id: string }) {
  const question = valid(questionSchema, asked);
  if (question.queue === undefined || queueNames.includes(question.queue)) return question;
  throw invalid('queue', `must be one of ${queueNames.join(', ')}`);
}

/** While the table is down, a job without a key is accepted without a row. SQS keeps its message for 14 days at most. */
function mayHaveNoRow(id: string, now: number): boolean {
  const [, high = '', low = ''] = /^([\da-f]{8})-([\da-f]{4})-7/.exec(id) ?? [];
  const made = Number.parseInt(high + low, 16);
  return made > now - 14 * DAY_MS && made < now + DAY_MS;
}

const pending = (id: string): JobStatus => ({ id, state: 'pending', ended: false });

export const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString();

export function statusOf(row: JobRow): JobStatus {
  const { id, queue, result, error } = row;
  const { state, reason } = waitsForItsTime(row) ? { state: 'planned' as const, reason: undefined } : row;
  return present({
    id,
    queue,
    kind: KIND_OF[row.type ?? ''],
    state,
    reason,
    ended: isEnd(row.state),
    result,
    error: error && present({ code: error.code, message: error.message, field: error.field }),
    acceptedAt: iso(row.time),
    notBefore: iso(row.notBefore),
    startedAt: iso(row.firstStartedAt),
    endedAt: iso(row.endedAt),
  }) as JobStatus;
}

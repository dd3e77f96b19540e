import * as z from 'zod';
import { unlessAborted } from '../../lib/concurrency';
import { StoreError } from '../../lib/errors';
import { jobKey } from '../../lib/jobs/keys';
import type { Ledger } from '../../lib/jobs/ledger';
import { BY_ITS_PRODUCER, isEnd, type JobRow, type Reason, type State, waitsForItsTime } from '../../lib/jobs/row';
import { cancel as cancelled, isCancelledByOperator } from '../../lib/jobs/transitions';
import { JobNotFoundError } from '../../lib/submit/errors';
import { askedId, ownersOf, valid } from '../../lib/submit/options';
import type { SubmitDeps } from '../../lib/submit/submit';
import { singleLine } from '../../lib/text';

/** What an API may show about a job. It never holds groups, addresses or confidential results. */
export interface JobStatus {
  id: string;
  queue?: string;
  /** `pending`: there is no row, because no worker has seen the job yet or the id is unknown. */
  state: State | 'pending';
  reason?: Reason;
  /** Whether the job has reached an end. An operator can still reopen a dead or cancelled job. */
  ended: boolean;
  /** The worker's small result after a success, for example the id of a ticket. */
  result?: unknown;
  /** Why the job is dead or waits. It names rules, never values. */
  error?: { code: string; message: string; field?: string };
  /** ISO 8601. */
  acceptedAt?: string;
  /** When a planned job starts at the earliest. */
  notBefore?: string;
  startedAt?: string;
  endedAt?: string;
}

export type WaitOptions = Omit<z.input<ReturnType<typeof questionSchema>>, 'id'>;
export type FindOptions = Omit<WaitOptions, 'timeout' | 'signal'>;

export interface CancelledStatus extends JobStatus {
  /** Whether the job will never start. If not, it has started or ended already, or it was not planned. */
  cancelled: boolean;
}

/**
 * Asks about jobs. Every function rejects with a StoreError if the table is down, and with an InvalidJobError that
 * names an id or an option that breaks a rule. It rejects with a JobNotFoundError if the job belongs to another
 * principal.
 */
export interface Jobs {
  get(id: string, options?: FindOptions): Promise<JobStatus>;
  /**
   * Resolves when the job has ended, or at the time-out with the state at that time. If the table does not answer
   * within a second after that, it resolves with the last known state, or rejects if there is none.
   */
  wait(id: string, options?: WaitOptions): Promise<JobStatus>;
  /** Cancels a job with `notBefore` that has not started. A second call has the same answer. */
  cancel(id: string, options?: FindOptions): Promise<CancelledStatus>;
}

export interface JobsDeps extends Pick<SubmitDeps, 'clock' | 'random' | 'hashPeople'> {
  ledger: Pick<Ledger, 'get' | 'update'>;
  queueNames: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** How long the table may take, after the time-out, to answer the last question. */
const LAST_ANSWER_MS = 1_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export const createJobs = (deps: JobsDeps): Jobs => jobsOf(async () => deps);

export function jobsOf(load: () => Promise<JobsDeps>): Jobs {
  async function find(id: string, options: FindOptions = {}): Promise<JobRow | undefined> {
    const { ledger, queueNames, hashPeople } = await load();
    const { queue, principal, system } = valid(questionSchema(queueNames), { ...options, id });
    const keys = (queue === undefined ? queueNames : [queue]).map((name) => jobKey(name, id));
    const rows = await Promise.all(keys.map((key) => ledger.get(key)));
    const row = rows.find((one) => one !== undefined);
    if (row && !system && !(await ownersOf(hashPeople, principal)).includes(row.owner)) throw new JobNotFoundError();
    return row;
  }

  async function get(id: string, options?: FindOptions): Promise<JobStatus> {
    const row = await find(id, options);
    return row ? statusOf(row) : pending(id);
  }

  return {
    get,
    async cancel(id, options) {
      const found = await find(id, options);
      if (!found) return { ...pending(id), cancelled: false };
      const { ledger, clock } = await load();
      // The reconciler completes the end: its record and its event.
      const withdrawn = (row: JobRow) =>
        waitsForItsTime(row) ? cancelled(row, clock.now(), BY_ITS_PRODUCER) : undefined;
      const { item: row = found } = await ledger.update(found.key, withdrawn, found);
      const never = isCancelledByOperator(row) && row.firstStartedAt === undefined;
      return { ...statusOf(row), cancelled: never };
    },
    async wait(id, options) {
      const { clock, random, queueNames } = await load();
      const question = valid(questionSchema(queueNames), { ...options, id });
      const { timeout = DEFAULT_TIMEOUT_MS, signal, ...owned } = question;
      const end = clock.now() + timeout;
      const late = AbortSignal.timeout(Math.min(Math.ceil(timeout) + LAST_ANSWER_MS, LONGEST_TIMER_MS));
      let status: JobStatus | undefined;
      for (let longest = FIRST_PAUSE_MS; ; longest = Math.min(longest * 1.5, LONGEST_PAUSE_MS)) {
        signal?.throwIfAborted();
        // Once the row is there, one read finds it.
        const asked = unlessAborted(get(id, { ...owned, queue: status?.queue ?? owned.queue }), late).catch(
          lastKnown(status, late),
        );
        status = await unlessAborted(asked, signal);
        const left = late.aborted ? 0 : end - clock.now();
        if (status.ended || left <= 0) return status;
        const pause = longest * (0.5 + random.fraction() / 2);
        await unlessAborted(clock.sleep(Math.min(pause, left)), signal);
      }
    },
  };
}

/** After the time-out, answers the status that was known before. Rejects with a StoreError if there is none. */
const lastKnown =
  (status: JobStatus | undefined, late: AbortSignal) =>
  (error: unknown): JobStatus => {
    if (error !== late.reason) throw error;
    if (status) return status;
    throw new StoreError({ code: 'DynamoDB.NoAnswer', message: 'the table did not answer before the time-out' });
  };

const questionSchema = (queueNames: readonly string[]) =>
  z.object({
    id: askedId,
    /** The job's queue. Without it, every queue of the instance is asked. */
    queue: z
      .string()
      .refine((name) => queueNames.includes(name), `must be one of ${queueNames.join(', ')}`)
      .optional(),
    /** Finds only jobs that were sent for this principal. Without it, only jobs that were sent for none. */
    principal: singleLine(255).optional(),
    /** Finds the jobs of every principal and of the system. */
    system: z.literal(true).optional(),
    /** Milliseconds, 30,000 by default. */
    timeout: z
      .custom<number>(
        (value) => typeof value === 'number' && value >= 0,
        'must be a number of milliseconds, at least 0',
      )
      .optional(),
    /** If it is aborted, `wait` rejects with its reason. */
    signal: z.custom<AbortSignal>((value) => value instanceof EventTarget, 'must be an AbortSignal').optional(),
  });

const pending = (id: string): JobStatus => ({ id, state: 'pending', ended: false });

const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString();

export function statusOf({ id, queue, state, reason, result, error, ...row }: JobRow): JobStatus {
  return known({
    ...{ id, queue, state, reason, ended: isEnd(state), result },
    error: error && known({ code: error.code, message: error.message, field: error.field }),
    acceptedAt: iso(row.time),
    notBefore: iso(row.notBefore),
    startedAt: iso(row.firstStartedAt),
    endedAt: iso(row.endedAt),
  }) as JobStatus;
}

const known = <T extends object>(facts: T): T =>
  Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined)) as T;

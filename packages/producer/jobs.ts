import * as z from 'zod';
import { jobKey } from '../../lib/jobs/keys';
import { BY_ITS_PRODUCER, isEnd, type JobRow, type Reason, type State, waitsForItsTime } from '../../lib/jobs/row';
import { cancel as cancelled, isCancelledByOperator } from '../../lib/jobs/transitions';
import type { Completion } from '../../lib/ports';
import { invalid, JobNotFoundError } from '../../lib/submit/errors';
import { KIND_OF, type Results } from '../../lib/submit/kinds';
import { askedId, ownersOf, valid } from '../../lib/submit/options';
import type { SubmitDeps } from '../../lib/submit/submit';
import { singleLine } from '../../lib/text';

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

export type CancelledStatus = JobStatus & {
  /** Whether the job will never start. If not, its time has come, or it was not planned. */
  cancelled: boolean;
};

/**
 * Asks about jobs. Every function rejects with a StoreError if the table is down, or an InvalidJobError that names a wrong
 * id or option. A JobNotFoundError: the job is another principal's, was never accepted, or ended 45 days ago.
 */
export interface Jobs {
  get(id: string, options?: FindOptions): Promise<JobStatus>;
  /** Cancels a job with `notBefore` that still waits for its time. A second call has the same answer. */
  cancel(id: string, options?: FindOptions): Promise<CancelledStatus>;
}

interface JobsDeps extends Pick<SubmitDeps, 'ledger' | 'clock' | 'hashPeople'> {
  queueNames: readonly string[];
}

const DAY_MS = 24 * 60 * 60_000;

export function jobsOf(load: () => Promise<JobsDeps>): Jobs {
  async function find(id: string, options: FindOptions = {}): Promise<JobRow | undefined> {
    const { ledger, queueNames, hashPeople, clock } = await load();
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
  };
}

export const questionSchema = z.strictObject({
  id: askedId,
  queue: z.string().optional().describe("The job's queue. Without it, every queue of the instance is asked."),
  principal: singleLine(255, 'Whose job it must be. Without it, only jobs that were sent for none.').optional(),
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

const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString();

export function statusOf(row: JobRow): JobStatus {
  const { id, queue, result, error } = row;
  const { state, reason } = waitsForItsTime(row) ? { state: 'planned' as const, reason: undefined } : row;
  return known({
    id,
    queue,
    kind: KIND_OF[row.type ?? ''],
    state,
    reason,
    ended: isEnd(row.state),
    result,
    error: error && known({ code: error.code, message: error.message, field: error.field }),
    acceptedAt: iso(row.time),
    notBefore: iso(row.notBefore),
    startedAt: iso(row.firstStartedAt),
    endedAt: iso(row.endedAt),
  }) as JobStatus;
}

const known = <T extends object>(facts: T): T =>
  Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined)) as T;

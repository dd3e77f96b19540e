import { pauseKey } from '../jobs/keys';
import { readItem, writeItem } from '../jobs/ledger';
import type { Pause } from '../jobs/pause';
import type { Table } from '../ports';
import { singleLine, timeText } from '../text';
import { type Deployment, OperatorError } from './operator';

const MINUTE_MS = 60_000;
/** CloudWatch is some minutes late with the age of the oldest message. */
const LOOK_BACK_MS = 15 * MINUTE_MS;
const PERIOD_SECONDS = 60;
/** SQS deletes a message at the end of the retention. From half of it on, a pause is a risk. */
const SAFE_PART = 0.5;

type PauseDeps = Pick<
  Deployment,
  'table' | 'clock' | 'random' | 'settings' | 'mappings' | 'monitoring' | 'names' | 'by'
>;

const reasonSchema = singleLine(200);

/** The end of an ARN, such as `user/jane`. */
const nameOf = (arn: string): string => arn.slice(arn.lastIndexOf(':') + 1);

/** The pause of a queue. `undefined`: the queue is not paused. */
export const pauseOf = async (table: Pick<Table, 'get'>, queue: string): Promise<Pause | undefined> =>
  (await table.get(pauseKey(queue))) as Pause | undefined;

/** When the oldest message of a queue has waited for half of the retention, ms since 1970. */
export const resumeBefore = (oldestAt: number, { retention }: { retention: number }): number =>
  oldestAt + retention * 1000 * SAFE_PART;

/** The age of the oldest message, in seconds. `undefined`: CloudWatch has no data. */
export async function oldestSeconds(
  { clock, monitoring, names }: Pick<PauseDeps, 'clock' | 'monitoring' | 'names'>,
  queue: string,
): Promise<number | undefined> {
  const now = clock.now();
  const metric = {
    namespace: 'AWS/SQS',
    name: 'ApproximateAgeOfOldestMessage',
    dimensions: { QueueName: names(queue).main },
    statistic: 'Maximum' as const,
  };
  const window = { from: now - LOOK_BACK_MS, to: now, periodSeconds: PERIOD_SECONDS };
  const [points = []] = await monitoring.series([metric], window);
  return points.at(-1)?.value;
}

/**
 * Pauses a queue: Lambda receives none of its messages, so no message burns a receive, and the order holds. The pause is
 * stored first, so a repeat completes one that was cut off. A queue that is paused keeps its first reason, and a resume at
 * the same time counts as earlier. Rejects with an OperatorError if a message has waited for half of the retention.
 * `again`: the queue was paused before.
 */
export async function pauseQueue(
  deps: PauseDeps,
  { queue, reason }: { queue: string; reason: string },
): Promise<{ pause: Pause; again: boolean; resumeBefore: number }> {
  const { table, clock, settings, mappings } = deps;
  const parsed = reasonSchema.safeParse(reason);
  if (!parsed.success)
    throw new OperatorError(`The reason must be one line of at most 200 characters, without control characters.`);
  if ((await mappings.isOn(queue)) === undefined)
    throw new OperatorError(`Lambda does not receive from ${queue}: its worker has no event source mapping.`);
  const oldestAt = clock.now() - ((await oldestSeconds(deps, queue)) ?? 0) * 1000;
  const before = resumeBefore(oldestAt, settings(queue));
  const stored = await pauseOf(table, queue);
  if (!stored && before <= clock.now())
    throw new OperatorError(
      `The oldest message of ${queue} has waited since ${timeText(oldestAt)} (UTC). That is more than half of the queue's retention, after which SQS deletes it. Let the workers finish it before you pause the queue.`,
    );
  const pause = stored ?? (await write(deps, { queue, at: clock.now(), by: nameOf(deps.by), reason: parsed.data }));
  if (!(await followPause(deps, queue))) return pauseQueue(deps, { queue, reason });
  return { pause, again: stored !== undefined, resumeBefore: before };
}

/**
 * Puts the mapping as the stored pause says. It looks again afterwards, because an operator may change the pause meanwhile:
 * so the last one who looks leaves both alike. Resolves to the pause, `undefined` if there is none.
 */
export async function followPause(
  { table, mappings }: Pick<PauseDeps, 'table' | 'mappings'>,
  queue: string,
): Promise<Pause | undefined> {
  for (;;) {
    const pause = await pauseOf(table, queue);
    await mappings.set(queue, !pause);
    if (!(await pauseOf(table, queue)) === !pause) return pause;
  }
}

async function write(
  deps: PauseDeps,
  { queue, at, by, reason }: { queue: string; at: number; by: string; reason: string },
): Promise<Pause> {
  const item: Pause = { key: pauseKey(queue), version: 0, writer: '', at, by, reason };
  const result = await writeItem({ ...deps, item, expected: 0 });
  if (!result.written) throw new OperatorError(`Another operator has just paused ${queue}. Look at it again.`);
  return result.item;
}

/**
 * Resumes a queue. Lambda receives its messages again, and each vendor's gate and rate limit the workers as usual. Resolves
 * to the pause that it ended, or to `undefined` if there was none. A mapping that is off without a pause is switched on too,
 * so a repeat completes a resume that was cut off. Rejects with an OperatorError if another operator has just paused it.
 */
export async function resumeQueue(deps: PauseDeps, queue: string): Promise<Pause | undefined> {
  const pause = (await readItem(deps, pauseKey(queue))) as Pause | undefined;
  if ((await deps.mappings.isOn(queue)) === undefined)
    throw new OperatorError(`Lambda does not receive from ${queue}: its worker has no event source mapping.`);
  if (pause) await deps.table.delete(pause.key, pause.version);
  if (await followPause(deps, queue))
    throw new OperatorError(`Another operator has just paused ${queue} again. Look at it again.`);
  return pause;
}

/** The paused ones of these queues. */
export async function pausedQueues(table: Pick<Table, 'get'>, queues: readonly string[]): Promise<string[]> {
  const pauses = await Promise.all(queues.map((queue) => pauseOf(table, queue)));
  return queues.filter((_, index) => pauses[index]);
}

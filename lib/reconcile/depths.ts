import { measurementOf, tallied } from '../alarms/measurements';
import { dueUnder } from '../jobs/due';
import type { AlarmState } from '../jobs/incidents';
import { dlqName, queueName, todoKey, todoKeys } from '../jobs/keys';
import { sentAtOf } from '../jobs/schedule';
import { type AllSeries, minuteOf } from '../jobs/tally';
import type { ReconcileDeps } from './deps';

export const MINUTE_MS = 60_000;
const EVER = Number.MAX_SAFE_INTEGER;
/** A run may come a little late. Its measurements then also count for the minute that no run fell into. */
const MOST_MISSED = 2;
const OUTCOMES = ['JobsSucceeded', 'JobsParked', 'JobsHeld', 'JobsCancelled'];

type Known = Pick<AlarmState, 'minute' | 'stuckSince'>;

/**
 * Measures what SQS measures for CloudWatch, under the same names: depths from SQS, ages from the table. A queue whose
 * jobs have no rows shows no age, so the time without a finished job stands for it.
 */
export async function measureDepths(
  deps: ReconcileDeps,
  { instance, tallies, known }: { instance: string; tallies: AllSeries[]; known: Known },
): Promise<{ gauges: AllSeries; stuckSince: Record<string, number> }> {
  const now = deps.clock.now();
  const minute = minuteOf(now);
  const from = Math.max(known.minute + 1, minute - MOST_MISSED);
  const minutes = Array.from({ length: minute - Math.min(from, minute) + 1 }, (_, back) => minute - back);
  const finished = (queue: string) =>
    OUTCOMES.some((name) => {
      const since = { from: known.minute * MINUTE_MS, to: now + MINUTE_MS };
      return (tallied(tallies).read({ namespace: '', name, dimensions: { queue } }, 'Sum', since) ?? 0) > 0;
    });
  const gauges: AllSeries = {};
  const stuckSince: Record<string, number> = {};

  for (const queue of deps.queueNames) {
    const { type } = deps.settings(queue);
    const [main, dlq] = [queueName(instance, queue, type), dlqName(instance, queue, type)];
    const [waiting, dead] = await Promise.all([deps.queueUrl(queue), deps.dlqUrl(queue)].map(deps.queues.depth));
    const put = (name: string, QueueName: string, value: number) => {
      gauges[measurementOf(name, { QueueName })] = Object.fromEntries(minutes.map((at) => [at, [value, 1, value]]));
    };
    const since = (name: string, stuck: boolean): number => {
      if (stuck) stuckSince[name] = known.stuckSince[name] ?? now;
      return stuckSince[name] ?? now;
    };
    const { visible = 0 } = waiting ?? {};
    const stuck = since(main, visible > 0 && !finished(queue));
    const oldest = visible > 0 ? await oldestSent(deps, queue) : undefined;
    put('ApproximateNumberOfMessagesVisible', main, visible);
    put('ApproximateAgeOfOldestMessage', main, (now - Math.min(oldest ?? now, stuck)) / 1000);
    const full = since(dlq, (dead?.visible ?? 0) + (dead?.inFlight ?? 0) > 0);
    const [entry] = await deps.table.due(todoKey(queue, 'dead'), { until: EVER, limit: 1 });
    put('ApproximateNumberOfMessagesVisible', dlq, dead?.visible ?? 0);
    put('ApproximateNumberOfMessagesNotVisible', dlq, dead?.inFlight ?? 0);
    put('ApproximateAgeOfOldestMessage', dlq, (now - (entry?.todoAt ?? full)) / 1000);
  }
  return { gauges, stuckSince };
}

/** When the oldest message of a queue was sent, by the rows of its jobs. */
async function oldestSent({ table, settings }: ReconcileDeps, queue: string): Promise<number | undefined> {
  const [first] = await dueUnder(table, todoKeys(queue, 'waiting'), { until: EVER, limit: 1 });
  return first && sentAtOf(first.todoAt, settings(queue));
}

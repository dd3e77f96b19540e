import * as z from 'zod';
import type { MetricStore } from '../../alarms/judge/metric-store';
import type { Invocation } from '../lambda/environment';
import type { SqsModel } from '../sqs/types';

const emfSchema = z.looseObject({
  _aws: z.object({
    Timestamp: z.number(),
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string() })),
      }),
    ),
  }),
});

/** Stores the metrics of a log line in CloudWatch's embedded metric format. Ignores any other line. */
export function takeLogLine(store: MetricStore, line: string): void {
  if (!line.includes('"_aws"')) return;
  const { data } = emfSchema.safeParse(parsed(line));
  if (!data) return;
  for (const { Namespace, Dimensions, Metrics } of data._aws.CloudWatchMetrics)
    for (const names of Dimensions)
      for (const { Name } of Metrics) {
        const dimensions = Object.fromEntries(names.map((name) => [name, String(data[name])]));
        for (const value of [data[Name]].flat())
          if (typeof value === 'number')
            store.put({ namespace: Namespace, name: Name, dimensions }, value, data._aws.Timestamp);
      }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Stores the metrics that Lambda measures of an invocation, and those in the function's log. */
export function takeInvocation(
  store: MetricStore,
  { result, ms, cold, log }: Pick<Invocation, 'result' | 'ms' | 'cold' | 'log'>,
  { functionName, now }: { functionName: string; now: number },
): void {
  const put = (name: string, value: number) =>
    store.put({ namespace: 'AWS/Lambda', name, dimensions: { FunctionName: functionName } }, value, now);
  // Lambda does not count a cold start in the duration, but `ms` includes it here.
  if (!cold || (result.kind === 'failed' && result.reason === 'timeout')) put('Duration', ms);
  put('Errors', result.kind === 'failed' ? 1 : 0);
  for (const line of log) takeLogLine(store, line);
}

/** Stores the metrics that SQS measures of a queue every minute. */
export function takeQueue(store: MetricStore, sqs: SqsModel, { queue, now }: { queue: string; now: number }): void {
  const put = (name: string, value: number) =>
    store.put({ namespace: 'AWS/SQS', name, dimensions: { QueueName: queue } }, value, now);
  const messages = sqs.messages(queue);
  const visible = messages.filter(({ visibleAt }) => visibleAt <= now).length;
  put('ApproximateNumberOfMessagesVisible', visible);
  put('ApproximateNumberOfMessagesNotVisible', messages.length - visible);
  const oldest = messages.reduce((time, { sentAt }) => Math.min(time, sentAt), now);
  put('ApproximateAgeOfOldestMessage', Math.floor((now - oldest) / 1000));
}

/** SQS counts deletes as they happen, not once a minute. */
export const takeDeleted = (
  store: MetricStore,
  { queue, count, now }: { queue: string; count: number; now: number },
): void =>
  store.put({ namespace: 'AWS/SQS', name: 'NumberOfMessagesDeleted', dimensions: { QueueName: queue } }, count, now);

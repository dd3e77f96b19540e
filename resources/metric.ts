export interface Metric<S extends string = string> {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
  statistic: S;
}

export const sqsMetric = <S extends string>(queue: string, name: string, statistic: S): Metric<S> => ({
  namespace: 'AWS/SQS',
  name,
  dimensions: { QueueName: queue },
  statistic,
});

export const lambdaMetric = <S extends string>(functionName: string, name: string, statistic: S): Metric<S> => ({
  namespace: 'AWS/Lambda',
  name,
  dimensions: { FunctionName: functionName },
  statistic,
});

/** A metric that our functions write, in the namespace of the instance. */
export const ownMetric =
  (instance: string, dimensions: Record<string, string> = {}) =>
  <S extends string>(name: string, statistic: S): Metric<S> => ({ namespace: instance, name, dimensions, statistic });

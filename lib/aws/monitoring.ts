import { type CloudWatchClient, paginateDescribeAlarms, paginateGetMetricData } from '@aws-sdk/client-cloudwatch';
import type { MetricPoint, Monitoring } from '../ports';
import { guarded } from './store-error';

export const realMonitoring = (client: CloudWatchClient): Monitoring => ({
  series: (metrics, { from, to, periodSeconds }) =>
    guarded({
      service: 'CloudWatch',
      operation: 'GetMetricData',
      call: async () => {
        const found = new Map<string, MetricPoint[]>();
        const queries = metrics.map(({ namespace, name, dimensions, statistic }, index) => ({
          Id: `m${index}`,
          MetricStat: {
            Metric: {
              Namespace: namespace,
              MetricName: name,
              Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
            },
            Period: periodSeconds,
            Stat: statistic,
          },
        }));
        const input = {
          // At most 500. An instance has about 25.
          MetricDataQueries: queries,
          StartTime: new Date(from),
          EndTime: new Date(to),
          ScanBy: 'TimestampAscending' as const,
        };
        for await (const { MetricDataResults = [] } of paginateGetMetricData({ client }, input))
          for (const { Id = '', Timestamps = [], Values = [] } of MetricDataResults)
            found.set(Id, [
              ...(found.get(Id) ?? []),
              ...Timestamps.map((at, index) => ({ at: at.getTime(), value: Values[index] ?? 0 })),
            ]);
        return queries.map(({ Id }) => found.get(Id) ?? []);
      },
    }),

  ringing: (prefix) =>
    guarded({
      service: 'CloudWatch',
      operation: 'DescribeAlarms',
      call: async () => {
        const ringing: { name: string; since: number }[] = [];
        const input = { AlarmNamePrefix: prefix, StateValue: 'ALARM' as const };
        for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client }, input))
          for (const { AlarmName = '', StateTransitionedTimestamp, StateUpdatedTimestamp } of MetricAlarms)
            ringing.push({
              name: AlarmName,
              since: (StateTransitionedTimestamp ?? StateUpdatedTimestamp ?? new Date(0)).getTime(),
            });
        return ringing;
      },
    }),
});

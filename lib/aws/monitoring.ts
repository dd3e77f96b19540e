import { type CloudWatchClient, GetMetricDataCommand, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import type { MetricPoint, Monitoring } from '../ports';
import { guarded } from './store-error';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html */
const MOST_QUERIES = 500;

/** CloudWatch through the AWS SDK. */
export const realMonitoring = (client: CloudWatchClient): Monitoring => ({
  series: async (metrics, { from, to, periodSeconds }) => {
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
    const found = new Map<string, MetricPoint[]>();
    for (let first = 0; first < queries.length; first += MOST_QUERIES) {
      const input = {
        MetricDataQueries: queries.slice(first, first + MOST_QUERIES),
        StartTime: new Date(from),
        EndTime: new Date(to),
        ScanBy: 'TimestampAscending' as const,
      };
      for (let token: string | undefined; ; ) {
        const page = { ...input, ...(token === undefined ? {} : { NextToken: token }) };
        const call = () => client.send(new GetMetricDataCommand(page));
        const { MetricDataResults = [], NextToken } = await guarded({
          service: 'CloudWatch',
          operation: 'GetMetricData',
          call,
        });
        for (const { Id = '', Timestamps = [], Values = [] } of MetricDataResults)
          found.set(Id, [
            ...(found.get(Id) ?? []),
            ...Timestamps.map((at, index) => ({ at: at.getTime(), value: Values[index] ?? 0 })),
          ]);
        if (NextToken === undefined) break;
        token = NextToken;
      }
    }
    return queries.map(({ Id }) => found.get(Id) ?? []);
  },

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

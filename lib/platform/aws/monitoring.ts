import { setTimeout as sleep } from 'node:timers/promises';
import { type CloudWatchClient, paginateDescribeAlarms, paginateGetMetricData } from '@aws-sdk/client-cloudwatch';
import {
  type LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { StoreError } from '../errors';
import type { Mappings, MetricPoint, Monitoring } from '../ports';
import { guarded } from './clients';

const cloudWatch = guarded('CloudWatch');

export const realMonitoring = (client: CloudWatchClient): Monitoring => ({
  series: (metrics, { from, to, periodSeconds }) =>
    cloudWatch('GetMetricData', async () => {
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
        for (const { Id = '', Timestamps = [], Values = [], StatusCode: status } of MetricDataResults) {
          // A metric that could not be read is not one without data, though the request succeeds.
          // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataResult.html
          if (status === 'InternalError' || status === 'Forbidden') throw Object.assign(new Error(), { name: status });
          const points = Timestamps.map((at, index) => ({ at: at.getTime(), value: Values[index] ?? 0 }));
          found.set(Id, [...(found.get(Id) ?? []), ...points]);
        }
      return queries.map(({ Id }) => found.get(Id) ?? []);
    }),

  firing: (prefix) =>
    cloudWatch('DescribeAlarms', async () => {
      const firing: { name: string; since: number }[] = [];
      const input = { AlarmNamePrefix: prefix, StateValue: 'ALARM' as const };
      for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client }, input))
        for (const { AlarmName: name = '', StateTransitionedTimestamp: begun, StateUpdatedTimestamp } of MetricAlarms)
          firing.push({ name, since: (begun ?? StateUpdatedTimestamp ?? new Date(0)).getTime() });
      return firing;
    }),
});

const lambda = guarded('Lambda');
const IN_USE_MS = 3_000;

/** The event source mapping of each queue through the AWS SDK. `wait`: for the end of another change of a mapping. */
export function realMappings(client: LambdaClient, queueArn: (queue: string) => string, wait = sleep): Mappings {
  async function mappingOf(queue: string) {
    const asked = new ListEventSourceMappingsCommand({ EventSourceArn: queueArn(queue) });
    const { EventSourceMappings } = await lambda('ListEventSourceMappings', () => client.send(asked));
    return EventSourceMappings?.[0];
  }

  return {
    async isOn(queue) {
      const mapping = await mappingOf(queue);
      return mapping && !(mapping.State ?? '').startsWith('Disabl');
    },

    async set(queue, on) {
      const mapping = await mappingOf(queue);
      if (!mapping) throw new StoreError({ code: 'Lambda.NoMapping', message: `${queue} has no event source mapping` });
      const changed = new UpdateEventSourceMappingCommand({ UUID: mapping.UUID, Enabled: on });
      for (let tries = 30; ; tries--)
        try {
          return void (await lambda('UpdateEventSourceMapping', () => client.send(changed)));
        } catch (error) {
          // Lambda takes up to a minute for a change, and refuses others meanwhile.
          if (!(error instanceof StoreError && error.code.endsWith('.ResourceInUseException')) || tries === 0)
            throw error;
          await wait(IN_USE_MS);
        }
    },
  };
}

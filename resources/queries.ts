import { functionName } from '../lib/jobs/keys';
import type { Context } from './context';
import type { Resource } from './template';
import type { Widget } from './widgets';

/** A question to the functions' logs, in the language of CloudWatch Logs Insights. */
interface Query {
  /** Part of the logical id. Never change one. */
  id: string;
  title: string;
  text: string;
}

/**
 * What CloudWatch makes no metric of with lean monitoring. The functions log each measurement: the sum under its name, and
 * how many values it has as `{name}Count` (lib/log.ts).
 */
const QUERIES: Query[] = [
  {
    id: 'ErrorClasses',
    title: 'Outcomes by error class',
    text: 'filter ispresent(class) and (ispresent(JobsRetried) or ispresent(JobsHeld) or ispresent(JobsParked)) | stats sum(JobsRetried) as retried, sum(JobsHeld) as held, sum(JobsParked) as parked by queue, class',
  },
  {
    id: 'Vendors',
    title: 'Calls to vendors',
    text: 'filter ispresent(vendor) and (ispresent(VendorTime) or ispresent(VendorErrors) or ispresent(VendorThrottles)) | stats sum(VendorTimeCount) as calls, sum(VendorTime) / sum(VendorTimeCount) as averageMs, sum(VendorErrors) as errors, sum(VendorThrottles) as requestsToWait by vendor',
  },
  {
    id: 'DeadJobs',
    title: 'Dead jobs by code',
    text: "filter message = 'delivery handled' and outcome = 'dead' | stats count(*) as jobs, min(jobId) as example by queue, code, reason | sort jobs desc",
  },
  {
    id: 'Times',
    title: 'Time from due to start and finish',
    text: 'filter ispresent(queue) and (ispresent(TimeToStart) or ispresent(TimeToFinish)) | stats sum(TimeToStart) / sum(TimeToStartCount) as averageMsToStart, sum(TimeToFinish) / sum(TimeToFinishCount) as averageMsToFinish by queue',
  },
];

const logGroups = ({ instance }: Context, functions: readonly string[]): string[] =>
  functions.map((key) => `/aws/lambda/${functionName(instance, key)}`);

/** The queries, saved under the instance's name. `functions`: the keys of those whose logs are asked. */
export const queryResources = (context: Context, functions: readonly string[]): Record<string, Resource> =>
  Object.fromEntries(
    QUERIES.map(({ id, title, text }) => [
      `${id}Query`,
      {
        Type: 'AWS::Logs::QueryDefinition',
        Properties: {
          Name: `${context.instance}/${title}`,
          LogGroupNames: logGroups(context, functions),
          QueryString: text,
        },
      },
    ]),
  );

/** The same queries as tables on the dashboard. CloudWatch runs them when a person looks. */
export const queryWidgets = (context: Context, functions: readonly string[]): Widget[] =>
  QUERIES.map(({ title, text }) => ({
    type: 'log',
    width: 12,
    height: 6,
    properties: {
      title,
      view: 'table',
      region: `\${AWS::Region}`,
      query: [...logGroups(context, functions).map((group) => `SOURCE '${group}'`), text].join(' | '),
    },
  }));

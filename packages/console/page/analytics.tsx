import type { AnalyticsFigures } from '../../../lib/ops/analytics';
import { Chart } from './chart';
import { Answer, duration, Json, sum, Table, useEveryMs } from './parts';

export const AnalyticsPage = () => (
  <Answer path="analytics" everyMs={useEveryMs()}>
    {({ at: to, from, accepted, rejected, p50, p95, stored, rejections }: AnalyticsFigures) => (
      <>
        <div class="columns">
          <Chart
            {...{ from, to }}
            caption={`Events of the last hour: ${sum(accepted)} accepted, ${sum(rejected)} rejected`}
            lines={{ accepted, rejected }}
          />
          <Chart {...{ from, to, textOf: duration }} caption="Last hour: time from track to S3" lines={{ p50, p95 }} />
        </div>
        <p class="quiet">CloudWatch's figures are about a minute late. The lists read what is in the bucket now.</p>
        <h2>Stored</h2>
        <p>{`${newestText(stored)} They have ${stored.bytes.toLocaleString('en')} bytes, compressed.`}</p>
        <Table
          label="Events by name"
          rows={stored.names.slice(0, 50)}
          id={({ name }) => name}
          columns={{ Name: ({ name }) => name, Events: ({ events }) => events }}
        />
        <h2>Rejected</h2>
        <p>{newestText(rejections)}</p>
        <Table
          label="Rejected events by rule"
          rows={rejections.rules}
          id={({ field, rule }) => `${field} ${rule}`}
          columns={{
            Events: ({ events }) => events,
            Field: ({ field }) => field || 'the event',
            Rule: ({ rule }) => rule,
            'It was': ({ example }) => example.value,
            'Example, masked': ({ field, rule, example: { job, event } }) => (
              <details>
                <summary>{`of job ${job}`}</summary>
                <Json label={`Example for ${field} ${rule}`} value={event} />
              </details>
            ),
          }}
        />
      </>
    )}
  </Answer>
);

const newestText = ({ messages, of }: { messages: number; of: number }): string =>
  `From ${messages < of ? `the newest ${messages} of ` : ''}${of} ${of === 1 ? 'message' : 'messages'} of this hour and the one before.`;

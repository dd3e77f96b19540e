import type { AnalyticsFigures } from '../../../lib/ops/analytics';
import { jobAddress } from './api';
import { Chart } from './chart';
import { Answer, Card, count, duration, Empty, Json, sum, Table, Title, useEveryMs } from './parts';

export const AnalyticsPage = () => (
  <>
    <Title text="Analytics">
      <p class="quiet">CloudWatch's figures are about a minute late. The lists read what is in the bucket now.</p>
    </Title>
    <Answer path="analytics" everyMs={useEveryMs()}>
      {({ at: to, from, accepted, rejected, p50, p95, stored, rejections }: AnalyticsFigures) => (
        <>
          <div class="columns">
            <Chart
              title="Events a minute"
              caption={`Events of the last hour: ${count(sum(accepted))} accepted, ${count(sum(rejected))} rejected.`}
              lines={{ accepted, rejected }}
              totals={{ accepted: count(sum(accepted)), rejected: count(sum(rejected)) }}
              {...{ from, to, tones: { rejected: 'fill-bad' } }}
            />
            <Chart
              title="Time from track to S3"
              caption={`Of 95 in 100 messages a minute. Half of the newest minute's took ${timeText(p50)} or less.`}
              lines={{ p95 }}
              totals={{ p95: timeText(p95) }}
              {...{ from, to, textOf: duration }}
            />
          </div>
          <div class="columns">
            <Card
              title="Stored"
              note={<small>{`${newestText(stored)} They have ${count(stored.bytes)} bytes, compressed.`}</small>}
            >
              <Table
                empty={<Empty what="No events yet.">Your API sends them with producer.track.</Empty>}
                label="Events by name"
                rows={stored.names.slice(0, 50)}
                id={({ name }) => name}
                columns={{
                  Name: ({ name }) => name,
                  Share: ({ name, events }) => (
                    <progress aria-label={`Share of ${name}`} max={stored.names[0]?.events ?? 1} value={events} />
                  ),
                  Events: ({ events }) => count(events),
                }}
                numbers={['Events']}
              />
            </Card>
            <Card title="Rejected" note={<small>{newestText(rejections)}</small>}>
              <Table
                empty={<Empty what="No event was rejected." />}
                label="Rejected events by rule"
                rows={rejections.rules}
                id={({ field, rule }) => `${field} ${rule}`}
                columns={{
                  Rule: ({ field, rule, example: { job, value, event } }) => (
                    <>
                      {field || 'the event'}
                      <small class="wraps">
                        {rule}. It was: {value}.
                      </small>
                      <details>
                        <summary class="quiet">Example, masked</summary>
                        <a href={jobAddress('analytics', job)}>of job {job}</a>
                        <Json label={`Example for ${field} ${rule}`} value={event} />
                      </details>
                    </>
                  ),
                  Events: ({ events }) => count(events),
                }}
                numbers={['Events']}
              />
            </Card>
          </div>
        </>
      )}
    </Answer>
  </>
);

const timeText = (points: AnalyticsFigures['p95']): string => duration(points.at(-1)?.value ?? 0);

const newestText = ({ messages, of }: { messages: number; of: number }): string =>
  `From ${messages < of ? `the newest ${messages} of ` : ''}${of} ${of === 1 ? 'message' : 'messages'} of this hour and the one before.`;

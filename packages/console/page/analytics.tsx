import type { AnalyticsFigures } from '../../../lib/operate/ops/analytics';
import { useEveryMs } from './api';
import { Chart } from './chart';
import { Answer, Card, Empty, jobLink, Table, Text, Title } from './parts';
import { count, counted, duration, sum } from './text';

export const AnalyticsPage = () => (
  <>
    <Title
      text="Analytics"
      about="CloudWatch's figures are about a minute late. The lists read what is in the bucket now."
    />
    <Answer path="analytics" everyMs={useEveryMs()} show={Events} />
  </>
);

const Events = ({ at: to, from, accepted, rejected, p50, p95, written, stored, rejections }: AnalyticsFigures) => (
  <>
    <div class="columns">
      <Chart
        title="Events a minute"
        caption={`Events of the last hour: ${count(sum(accepted))} accepted, ${count(sum(rejected))} rejected.`}
        lines={{ accepted, rejected }}
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
    <Written {...written} />
    <Chart
      title="Events by name over time"
      caption={`${newestText(stored)} By the time of their acceptance, in steps of five minutes, the most frequent names.`}
      lines={stored.times}
      {...{ from: hourBefore(to), to }}
    />
    <div class="columns">
      <Card title="Stored" note={<small>{`${newestText(stored)} They have ${counted(stored.bytes, 'byte')}.`}</small>}>
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
      <Rejected {...rejections} />
    </div>
  </>
);

/** What the hours hold that are written for good. */
const Written = (written: AnalyticsFigures['written']) => (
  <div class="columns">
    <Card title="Written hours" note={<small>Exact: each event of an hour once.</small>}>
      <Table
        empty={<Empty what="No hour is written yet.">An hour is written a quarter of an hour after its end.</Empty>}
        label="What each written hour holds"
        rows={written.hours}
        id={({ at }) => String(at)}
        columns={{
          'Hour (UTC)': ({ at }) => new Date(at).toISOString().slice(0, 16).replace('T', ' '),
          Events: ({ events }) => numberText(events),
          Users: ({ users }) => numberText(users),
          Rejected: ({ rejected }) => numberText(rejected),
        }}
        numbers={['Events', 'Users', 'Rejected']}
      />
    </Card>
    <Card title="Names in these hours" note={<small>{`${counted(othersOf(written), 'event')} of other names.`}</small>}>
      <Table
        empty={<Empty what="No events yet." />}
        label="Names in written hours"
        rows={written.names.slice(0, MOST_NAMES)}
        id={({ name }) => name}
        columns={{ Name: ({ name }) => name, Events: ({ events }) => count(events) }}
        numbers={['Events']}
      />
      <Table
        empty={<Empty what="No event was rejected." />}
        label="Rejected events in written hours"
        rows={written.rules}
        id={({ rule }) => rule}
        columns={{ Rejected: ({ rule }) => rule, Events: ({ events }) => count(events) }}
        numbers={['Events']}
      />
    </Card>
  </div>
);

const Rejected = (rejections: AnalyticsFigures['rejections']) => (
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
              {jobLink('analytics', job, `of job ${job}`)}
              <Text label={`Example for ${field} ${rule}`} of={event} />
            </details>
          </>
        ),
        Events: ({ events }) => count(events),
      }}
      numbers={['Events']}
    />
  </Card>
);

const HOUR_MS = 3_600_000;
/** The start of the hour before. */
const hourBefore = (at: number): number => (Math.floor(at / HOUR_MS) - 1) * HOUR_MS;

const MOST_NAMES = 50;

/** Events of names that are not shown: rare in their hour, or in all. */
const othersOf = ({ names, others }: AnalyticsFigures['written']): number =>
  names.slice(MOST_NAMES).reduce((total, { events }) => total + events, others);

const numberText = (value: number | undefined): string => (value === undefined ? 'not counted' : count(value));

const timeText = (points: AnalyticsFigures['p95']): string => duration(points.at(-1)?.value ?? 0);

const newestText = ({ messages, of }: { messages: number; of: number }): string =>
  `From ${messages < of ? `the newest ${messages} of ` : ''}${counted(of, 'message')} of this hour and the one before.`;

import type { Activity, Overview, QueueFigures } from '../../../lib/ops/overview';
import { Action } from './action';
import { Chart } from './chart';
import { Answer, duration, State, sum, Table, Time, useEveryMs } from './parts';
import { addressOf, Link } from './router';

export const OverviewPage = () => (
  <Answer path="overview" everyMs={useEveryMs()}>
    {({ alarms, reconciledAt, at, queues, vendors }: Overview) => (
      <>
        <p>
          Last run of the reconciler: <Time at={reconciledAt} />
          {reconciledAt === undefined ? '' : ` (${duration(Math.max(0, at - reconciledAt))} ago)`}
        </p>
        {alarms.length === 0 ? (
          <p>No alarm is firing.</p>
        ) : (
          <ul class="failure" aria-label="Alarms that are firing">
            {alarms.map(({ name, subject, title, since }) => (
              <li key={name}>
                {subject && `${subject}: `}
                {title} since <Time at={since} />
              </li>
            ))}
          </ul>
        )}
        <Table
          label="Queues"
          rows={queues}
          id={({ queue }) => queue}
          columns={{
            Queue: ({ queue }) => queue,
            Visible: ({ visible }) => visible,
            'In flight': ({ inFlight }) => inFlight,
            Oldest: ({ oldestSeconds }) => (oldestSeconds === undefined ? '–' : duration(oldestSeconds * 1000)),
            Held: HeldJobs,
            Dead: ({ queue, dead }) =>
              dead > 0 ? <Link to={addressOf('/console/dead', { queue })}>{dead}</Link> : dead,
            'Done, last hour': ({ lastHour }) => sum(lastHour.succeeded),
            Received,
          }}
        />
        <h2>Vendors</h2>
        <Table
          label="Vendors"
          rows={vendors}
          id={({ vendor }) => vendor}
          columns={{
            Vendor: ({ vendor }) => vendor,
            Circuit: ({ circuit }) => <State state={circuit} />,
            'Since (UTC)': ({ since }) => <Time at={since} />,
            Code: ({ code }) => code,
            'Set by operators': ({ limits }) => limits.map((line) => <div key={line}>{line}</div>),
            'Calls, last hour': ({ calls }) => sum(calls),
            'Sending rate': ({ rate }) =>
              rate &&
              `at most ${rate.perSecond} a second${rate.takenMs > 0 ? `, taken for ${duration(rate.takenMs)}` : ''}`,
          }}
        />
        <h2>Activity</h2>
        {queues.map((queue) => (
          <Charts key={queue.queue} queue={queue} at={at} />
        ))}
      </>
    )}
  </Answer>
);

/** Held jobs by what they wait for. A count may be a lower bound. */
function HeldJobs({ queue, held }: QueueFigures) {
  const shown = Object.entries(held);
  if (shown.length === 0) return 0;
  return shown.map(([reason, { count, more }]) => (
    <div key={reason}>
      <Link to={addressOf('/console/jobs', { queue, state: 'held' })}>{`${count}${more ? '+' : ''}`}</Link> {reason}
    </div>
  ));
}

/** Whether Lambda receives. After a failed deployment it may receive from a paused queue. */
function Received({ queue, receives, pause }: QueueFigures) {
  const stopped = pause || receives === false;
  return (
    <>
      {pause ? (
        <>
          <State state="paused" /> since <Time at={pause.since} /> by {pause.by}: {pause.reason}. Resume it before{' '}
          <Time at={pause.resumeBefore} />
          {receives ? '. Lambda still receives: pause it again' : null}
        </>
      ) : (
        (stopped && 'no: its mapping is off') || 'yes'
      )}{' '}
      {pause && receives ? <Action label={`Pause ${queue} again`} action="queue.pause" input={{ queue }} /> : null}{' '}
      {stopped ? (
        <Action label={`Resume ${queue}`} action="queue.resume" input={{ queue }} />
      ) : (
        <Action label={`Pause ${queue}`} action="queue.pause" input={{ queue }} />
      )}
    </>
  );
}

const HOUR_MS = 3_600_000;

function Charts({ queue: { queue, lastHour, lastDay }, at: to }: { queue: QueueFigures; at: number }) {
  const spans = [
    { span: 'hour', ...lastHour, from: to - HOUR_MS },
    { span: 'day', ...lastDay, from: to - 24 * HOUR_MS },
  ];
  return (
    <section aria-label={queue}>
      <h3>{queue}</h3>
      {spans.map(({ span, succeeded, dead, processingMs, from }) => (
        <div class="columns" key={span}>
          <Chart
            {...{ from, to }}
            caption={`Last ${span}: ${sum(succeeded)} done, ${sum(dead)} dead`}
            lines={{ done: succeeded, dead }}
          />
          <Chart
            {...{ from, to, textOf: duration }}
            caption={`Processing time, last ${span}: ${longestText(processingMs)}`}
            lines={{ 'on average': processingMs }}
          />
        </div>
      ))}
    </section>
  );
}

const longestText = (points: Activity['processingMs']): string =>
  points.length === 0 ? 'no data' : `at most ${duration(Math.max(...points.map(({ value }) => value)))} on average`;

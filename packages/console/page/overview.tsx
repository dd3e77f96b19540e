import type { QueueFigures } from '../../../lib/ops/overview';
import type { Figures } from '../api';
import { Action } from './action';
import { addressOf, jobAddress, param } from './api';
import { Chart } from './chart';
import { Results } from './jobs';
import { Answer, Command, duration, State, sum, Table, Time, useEveryMs } from './parts';

export const OverviewPage = () => (
  <Answer path="overview" everyMs={useEveryMs()}>
    {(figures: Figures) => <Status {...figures} />}
  </Answer>
);

/** One queue: its figures, the last hour and day, and its newest jobs. */
export function QueuePage() {
  const queue = param('queue');
  return (
    <>
      <Answer path={addressOf('overview', { queue })} everyMs={useEveryMs()}>
        {(figures: Figures) => (
          <>
            <Status {...figures} />
            {figures.queues.map((of) => (
              <Charts key={of.queue} queue={of} at={figures.at} />
            ))}
          </>
        )}
      </Answer>
      <h2>Newest jobs</h2>
      <Results query={{ queue }} />
    </>
  );
}

const Status = ({ alarms, reconciledAt, at, queues, vendors }: Figures) => (
  <>
    <p>
      Last run of the reconciler: <Time at={reconciledAt} />
      {reconciledAt === undefined ? '' : ` (${duration(Math.max(0, at - reconciledAt))} ago)`}
    </p>
    {alarms.length === 0 ? (
      <p>No alarm is firing.</p>
    ) : (
      <ul class="failure" aria-label="Alarms that are firing">
        {alarms.map((alarm) => (
          <li key={alarm.name}>
            {alarm.sentence} Since <Time at={alarm.since} />. <a href={placeOf(alarm)}>Show it</a>
            <details>
              <summary>Commands</summary>
              {alarm.commands.map((command) => (
                <Command key={command} text={command} />
              ))}
            </details>
          </li>
        ))}
      </ul>
    )}
    <Table
      label="Queues"
      rows={queues}
      id={({ queue }) => queue}
      columns={{
        Queue: ({ queue }) => <a href={addressOf('/console/queue', { queue })}>{queue}</a>,
        Visible: ({ visible }) => visible,
        'In flight': ({ inFlight }) => inFlight,
        Oldest: ({ oldestSeconds }) => (oldestSeconds === undefined ? '–' : duration(oldestSeconds * 1000)),
        Held: HeldJobs,
        Dead: ({ queue, dead }) => (dead > 0 ? <a href={addressOf('/console/dead', { queue })}>{dead}</a> : dead),
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
  </>
);

/** Where the page shows what an alarm is about. */
function placeOf({ scope, subject, jobId }: Figures['alarms'][number]): string {
  if (scope === 'queue') return jobId ? jobAddress(subject, jobId) : addressOf('/console/queue', { queue: subject });
  if (scope === 'vendor') return addressOf('/console/jobs', { vendor: subject, state: 'held' });
  return scope === 'campaign' ? addressOf('/console/campaigns', { id: subject }) : '/console/jobs';
}

/** Held jobs by what they wait for. A count may be a lower bound. */
function HeldJobs({ queue, held }: QueueFigures) {
  const shown = Object.entries(held);
  if (shown.length === 0) return 0;
  return shown.map(([reason, { count, more }]) => (
    <div key={reason}>
      <a href={addressOf('/console/jobs', { queue, state: 'held' })}>{`${count}${more ? '+' : ''}`}</a> {reason}
    </div>
  ));
}

/** Whether Lambda receives. After a failed deployment it may receive from a paused queue. */
function Received({ queue, receives, pause }: QueueFigures) {
  const next = pause || receives === false ? 'Resume' : 'Pause';
  return (
    <>
      {pause ? (
        <>
          <State state="paused" /> since <Time at={pause.since} /> by {pause.by}: {pause.reason}. Resume it before{' '}
          <Time at={pause.resumeBefore} />
          {receives ? '. Lambda still receives: pause it again ' : ' '}
        </>
      ) : (
        `${receives === false ? 'no: its mapping is off' : 'yes'} `
      )}
      {pause && receives ? <Action label={`Pause ${queue} again`} action="queue.pause" input={{ queue }} /> : null}{' '}
      <Action label={`${next} ${queue}`} action={`queue.${next.toLowerCase()}`} input={{ queue }} />
    </>
  );
}

const HOUR_MS = 3_600_000;

const Charts = ({ queue: { lastHour, lastDay }, at: to }: { queue: QueueFigures; at: number }) => (
  <div class="columns">
    {Object.entries({ 'Last hour': lastHour, 'Last day': lastDay }).map(([name, { succeeded: done, dead }]) => (
      <Chart
        key={name}
        caption={`${name}: ${sum(done)} done, ${sum(dead)} dead`}
        from={to - (name === 'Last day' ? 24 : 1) * HOUR_MS}
        to={to}
        lines={{ done, dead }}
      />
    ))}
  </div>
);

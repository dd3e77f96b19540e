import type { QueueFigures } from '../../../lib/ops/overview';
import type { Figures } from '../api';
import { Action } from './action';
import { addressOf, param } from './api';
import { Chart } from './chart';
import { Results } from './jobs';
import { Answer, Command, duration, State, sum, Table, Time, useEveryMs } from './parts';

export const OverviewPage = () => (
  <Answer path="overview" everyMs={useEveryMs()}>
    {(figures: Figures) => <Status {...figures} />}
  </Answer>
);

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

const Status = ({ problems, notes, reconciledAt, queues, vendors }: Figures) => (
  <>
    <p>
      Last run of the reconciler: <Time at={reconciledAt} />
    </p>
    {problems.length === 0 ? <p>Nothing is wrong.</p> : null}
    {Object.entries({ Problems: problems, Notes: notes }).map(([label, all]) =>
      all.length === 0 ? null : (
        <ul key={label} class={label === 'Problems' ? 'failure' : 'quiet'} aria-label={label}>
          {all.map((problem) => (
            <li key={`${problem.kind} ${problem.subject}`}>
              {problem.subject && `${problem.subject}: `}
              {problem.what}
              {problem.jobs?.count ? `, jobs: ${problem.jobs.count}${problem.jobs.more ? '+' : ''}` : ''}
              {problem.since && ', since '}
              {problem.since && <Time at={problem.since} />}.{' '}
              <a href={placeOf(problem, { queues, vendors })}>Show it</a>. {problem.advice}
              <Command text={problem.next} />
            </li>
          ))}
        </ul>
      ),
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
        Dead: ({ queue, dead, leaving }) => (
          <>
            {dead > 0 ? <a href={addressOf('/console/dead', { queue })}>{dead}</a> : dead}
            {leaving > 0 ? ` (DLQ entries still to be removed: ${leaving})` : ''}
          </>
        ),
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
        'Trial call': ({ vendor, circuit, trial }) =>
          circuit !== 'closed' && (
            <>
              {trial} <Action label={`Try ${vendor} now`} action="vendor.try" input={{ vendor }} />
            </>
          ),
        'Set by operators': ({ limits }) => limits.map((line) => <div key={line}>{line}</div>),
        'Calls, last hour': ({ calls }) => sum(calls),
        'Sending rate': ({ rate }) =>
          rate &&
          `at most ${rate.perSecond} a second${rate.takenMs > 0 ? `, taken for ${duration(rate.takenMs)}` : ''}`,
      }}
    />
  </>
);

function placeOf(
  { kind, subject }: Figures['problems'][number],
  { queues, vendors }: Pick<Figures, 'queues' | 'vendors'>,
): string {
  if (queues.some(({ queue }) => queue === subject)) return addressOf('/console/queue', { queue: subject });
  if (vendors.some(({ vendor }) => vendor === subject))
    return addressOf('/console/jobs', { vendor: subject, state: 'held' });
  const isCampaign = kind.startsWith('campaign-') || kind === 'events-missing';
  return isCampaign ? addressOf('/console/campaigns', { id: subject }) : '/console/jobs';
}

function HeldJobs({ queue, held }: QueueFigures) {
  const shown = Object.entries(held);
  if (shown.length === 0) return 0;
  return shown.map(([reason, { count, more }]) => (
    <div key={reason}>
      <a href={addressOf('/console/jobs', { queue, state: 'held' })}>{`${count}${more ? '+' : ''}`}</a> {reason}
    </div>
  ));
}

/** Whether Lambda receives. After a failed deployment it may receive from a paused queue. Problems say more. */
function Received({ queue, receives, pause }: QueueFigures) {
  const next = pause || receives === false ? 'Resume' : 'Pause';
  return (
    <>
      {pause ? <State state="paused" /> : receives === false ? 'no' : 'yes'}{' '}
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

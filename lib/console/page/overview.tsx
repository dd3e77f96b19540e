import type { Activity, Overview, QueueFigures, VendorFigures } from '../../ops/overview';
import { Action } from './action';
import { Chart } from './chart';
import { duration, Failure, State, Table, Time, useAsk, useSession, Waiting } from './parts';
import { addressOf, Link } from './router';

/** CloudWatch is asked each time, and bills each metric. */
const EVERY_MS = 30_000;
const EVERY_MS_LOCAL = 2_000;

/** The figures of the deployment, read again and again. */
export function OverviewPage() {
  const { local } = useSession();
  const { data, error, reload } = useAsk<Overview>('overview', local ? EVERY_MS_LOCAL : EVERY_MS);
  if (!data) return <Waiting error={error} />;
  return (
    <>
      <Failure error={error} />
      <Alarms overview={data} />
      <Queues queues={data.queues} onDone={reload} />
      <h2>Vendors</h2>
      <Table
        label="Vendors"
        head={['Vendor', 'Circuit', 'Since (UTC)', 'Code', 'Calls, last hour', 'Sending rate']}
        rows={data.vendors.map(({ vendor, circuit, since, code, calls, rate }) => [
          vendor,
          [
            vendor,
            <State key="circuit" state={circuit} />,
            <Time key="since" at={since} />,
            code,
            sum(calls),
            rate && rateText(rate),
          ],
        ])}
      />
      <h2>Activity</h2>
      <div class="cards">
        {data.queues.map((queue) => (
          <Card key={queue.queue} queue={queue} at={data.at} />
        ))}
      </div>
    </>
  );
}

function Alarms({ overview: { alarms, reconciledAt, at } }: { overview: Overview }) {
  return (
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
              {subject === '' ? '' : `${subject}: `}
              {title} since <Time at={since} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const Queues = ({ queues, onDone }: { queues: readonly QueueFigures[]; onDone: () => void }) => (
  <Table
    label="Queues"
    head={['Queue', 'Visible', 'In flight', 'Oldest', 'Held', 'Dead', 'Done, last hour', 'Received']}
    rows={queues.map((figures) => {
      const { queue, visible, inFlight, oldestSeconds, held, dead, lastHour } = figures;
      return [
        queue,
        [
          queue,
          visible,
          inFlight,
          oldestSeconds === undefined ? '–' : duration(oldestSeconds * 1000),
          <HeldJobs key="held" queue={queue} held={held} />,
          dead > 0 ? (
            <Link key="dead" to={addressOf('/console/dead', { queue })}>
              {dead}
            </Link>
          ) : (
            dead
          ),
          sum(lastHour.succeeded),
          <Received key="received" figures={figures} onDone={onDone} />,
        ],
      ];
    })}
  />
);

/** Held jobs by what they wait for. A count may be a lower bound. */
function HeldJobs({ queue, held: { timed, paused, unknown, stopped } }: Pick<QueueFigures, 'queue' | 'held'>) {
  const vendors = Object.entries(stopped).map(([vendor, count]) => [`${vendor} stopped`, count] as const);
  const kinds = [['until a time', timed] as const, ['paused', paused] as const, ['unknown', unknown] as const];
  const shown = [...kinds, ...vendors].filter(([, { count }]) => count > 0);
  if (shown.length === 0) return <>0</>;
  return (
    <>
      {shown.map(([reason, { count, more }]) => (
        <div key={reason}>
          <Link to={addressOf('/console/jobs', { queue, state: 'held' })}>{`${count}${more ? '+' : ''}`}</Link> {reason}
        </div>
      ))}
    </>
  );
}

/** Whether Lambda receives. After a failed deployment it may receive from a paused queue. */
function Received({ figures: { queue, receives, pause }, onDone }: { figures: QueueFigures; onDone: () => void }) {
  const input = { queue };
  return (
    <>
      {pause ? (
        <>
          <State state="paused" /> since <Time at={pause.since} /> by {pause.by}: {pause.reason}. Resume it before{' '}
          <Time at={pause.resumeBefore} />
          {receives ? '. Lambda still receives: pause it again' : null}
        </>
      ) : receives === false ? (
        'no: its mapping is off'
      ) : (
        'yes'
      )}{' '}
      {pause && receives ? <Action label={`Pause ${queue} again`} action="queue.pause" {...{ input, onDone }} /> : null}{' '}
      {pause || receives === false ? (
        <Action label={`Resume ${queue}`} action="queue.resume" {...{ input, onDone }} />
      ) : (
        <Action label={`Pause ${queue}`} action="queue.pause" {...{ input, onDone }} />
      )}
    </>
  );
}

const rateText = ({ perSecond, takenMs }: NonNullable<VendorFigures['rate']>): string =>
  `at most ${perSecond} a second${takenMs > 0 ? `, taken for ${duration(takenMs)}` : ''}`;

const sum = (points: readonly { value: number }[]): number => points.reduce((all, { value }) => all + value, 0);

const HOUR_MS = 3_600_000;

function Card({ queue: { queue, lastHour, lastDay }, at }: { queue: QueueFigures; at: number }) {
  const spans = [
    { span: 'hour', activity: lastHour, from: at - HOUR_MS, to: at },
    { span: 'day', activity: lastDay, from: at - 24 * HOUR_MS, to: at },
  ];
  return (
    <section class="card" aria-label={queue}>
      <h3>{queue}</h3>
      <div class="charts">
        {spans.map(({ span, activity: { succeeded, dead }, ...window }) => (
          <Chart
            key={span}
            {...window}
            caption={`Last ${span}: ${sum(succeeded)} done, ${sum(dead)} dead`}
            lines={[
              { label: 'done', colour: 'good', points: succeeded },
              { label: 'dead', colour: 'bad', points: dead },
            ]}
          />
        ))}
        {spans.map(({ span, activity: { processingMs }, ...window }) => (
          <Chart
            key={span}
            {...window}
            caption={`Processing time, last ${span}: ${longestText(processingMs)}`}
            lines={[{ label: 'processing time', colour: 'link', points: processingMs }]}
          />
        ))}
      </div>
    </section>
  );
}

const longestText = (points: Activity['processingMs']): string =>
  points.length === 0 ? 'no data' : `at most ${duration(Math.max(...points.map(({ value }) => value)))} on average`;

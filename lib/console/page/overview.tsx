import type { Activity, Counted, Overview, QueueFigures, VendorFigures } from '../../ops/overview';
import { Action } from './action';
import { Chart, type Window } from './chart';
import { countText, duration, Failure, State, Table, Time, useAsk } from './parts';
import { addressOf, Link } from './router';
import { useSession } from './session';

/** CloudWatch is asked each time, and bills each metric. */
const EVERY_MS = 30_000;
const EVERY_MS_LOCAL = 2_000;

/** The figures of the deployment, read again and again. */
export function OverviewPage() {
  const { local } = useSession();
  const { data, error, reload } = useAsk<Overview>('overview', local ? EVERY_MS_LOCAL : EVERY_MS);
  if (!data) return error ? <Failure error={error} /> : <p>Loading …</p>;
  return (
    <>
      <Failure error={error} />
      <Alarms overview={data} />
      <Queues queues={data.queues} onDone={reload} />
      <h2>Vendors</h2>
      <Vendors vendors={data.vendors} />
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

const HELD = { timed: 'until a time', paused: 'paused', unknown: 'unknown' } as const;

/** Held jobs by what they wait for, without those that are none. */
function heldOf({ held: { stopped, ...held } }: QueueFigures): [string, Counted][] {
  const kinds = Object.entries(HELD) as [keyof typeof HELD, string][];
  const vendors = Object.entries(stopped).map(([vendor, count]) => [`${vendor} stopped`, count] as [string, Counted]);
  return [...kinds.map(([kind, name]) => [name, held[kind]] as [string, Counted]), ...vendors].filter(
    ([, { count }]) => count > 0,
  );
}

const Queues = ({ queues, onDone }: { queues: readonly QueueFigures[]; onDone: () => void }) => (
  <Table
    label="Queues"
    head={['Queue', 'Visible', 'In flight', 'Oldest', 'Held', 'Dead', 'Done, last hour', 'Received']}
  >
    {queues.map((figures) => {
      const { queue, visible, inFlight, oldestSeconds, dead, lastHour } = figures;
      const held = heldOf(figures);
      return (
        <tr key={queue}>
          <th scope="row">{queue}</th>
          <td class="number">{visible}</td>
          <td class="number">{inFlight}</td>
          <td class="number">{oldestSeconds === undefined ? '–' : duration(oldestSeconds * 1000)}</td>
          <td>
            {held.length === 0 ? '0' : null}
            {held.map(([reason, count]) => (
              <div key={reason}>
                <Link to={addressOf('/console/jobs', { queue, state: 'held' })}>{countText(count)}</Link> {reason}
              </div>
            ))}
          </td>
          <td class="number">{dead > 0 ? <Link to={addressOf('/console/dead', { queue })}>{dead}</Link> : dead}</td>
          <td class="number">{sum(lastHour.succeeded)}</td>
          <td>
            <Received figures={figures} onDone={onDone} />
          </td>
        </tr>
      );
    })}
  </Table>
);

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

const Vendors = ({ vendors }: { vendors: readonly VendorFigures[] }) => (
  <Table label="Vendors" head={['Vendor', 'Circuit', 'Since (UTC)', 'Code', 'Calls, last hour', 'Sending rate']}>
    {vendors.map(({ vendor, circuit, since, code, calls, rate }) => (
      <tr key={vendor}>
        <th scope="row">{vendor}</th>
        <td>
          <State state={circuit} />
        </td>
        <td>
          <Time at={since} />
        </td>
        <td>{code ?? ''}</td>
        <td class="number">{sum(calls)}</td>
        <td>
          {rate
            ? `at most ${rate.perSecond} a second${rate.takenMs > 0 ? `, taken for ${duration(rate.takenMs)}` : ''}`
            : ''}
        </td>
      </tr>
    ))}
  </Table>
);

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
        {spans.map(({ span, activity, ...window }) => (
          <Jobs key={span} span={span} activity={activity} window={window} />
        ))}
        {spans.map(({ span, activity, ...window }) => (
          <Processing key={span} span={span} activity={activity} window={window} />
        ))}
      </div>
    </section>
  );
}

interface Drawn {
  span: string;
  activity: Activity;
  window: Window;
}

const Jobs = ({ span, activity: { succeeded, dead }, window }: Drawn) => (
  <Chart
    {...window}
    caption={`Last ${span}: ${sum(succeeded)} done, ${sum(dead)} dead`}
    lines={[
      { label: 'done', colour: 'good', points: succeeded },
      { label: 'dead', colour: 'bad', points: dead },
    ]}
  />
);

function Processing({ span, activity: { processingMs }, window }: Drawn) {
  const longest = Math.max(0, ...processingMs.map(({ value }) => value));
  const words = processingMs.length === 0 ? 'no data' : `at most ${duration(longest)} on average`;
  return (
    <Chart
      {...window}
      caption={`Processing time, last ${span}: ${words}`}
      lines={[{ label: 'processing time', colour: 'link', points: processingMs }]}
    />
  );
}

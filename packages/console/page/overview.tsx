import type { QueueFigures } from '../../../lib/ops/overview';
import type { Campaigns, Figures } from '../api';
import { Action } from './action';
import { addressOf } from './api';
import { Line } from './campaigns';
import { Chart, type Points, Spark } from './chart';
import {
  ACT,
  Answer,
  away,
  Card,
  Command,
  count,
  duration,
  Empty,
  Icon,
  State,
  sum,
  Table,
  Time,
  Title,
  useAsk,
  useEveryMs,
} from './parts';

type Problem = Figures['problems'][number];

/** Whether anything is wrong, on each page. */
export function Health() {
  const problems = useAsk<Pick<Figures, 'problems'>>('health', 2 * useEveryMs()).data?.problems;
  return problems === undefined ? null : (
    <a class={`health row ${problems.length === 0 ? 'good' : 'bad'}`} href="/">
      {problems.length === 0 ? 'All well' : counted(problems.length, 'problem')}
    </a>
  );
}

const counted = (of: number, what: string): string => `${count(of)} ${what}${of === 1 ? '' : 's'}`;

export const OverviewPage = () => (
  <Answer path="overview" everyMs={useEveryMs()}>
    {(figures: Figures) => <Status {...figures} />}
  </Answer>
);

function Status(figures: Figures) {
  const { problems, queues, at, reconciledAt } = figures;
  const [worst] = problems;
  const [text, mark] = worst
    ? [headline(worst), undefined]
    : [
        queues.length === 1 ? `${queues[0]?.queue} works` : `All ${queues.length} queues work`,
        <Icon key="" name="well" />,
      ];
  return (
    <>
      <Title text={text} mark={mark && <span class="good">{mark}</span>}>
        <p class="quiet">
          {problems.length > 0 ? '' : 'Nothing is wrong. '}
          The reconciler {reconciledAt === undefined ? 'has not run yet' : `ran ${away(reconciledAt)}`}. Figures of{' '}
          <Time at={at} short /> UTC.
        </p>
      </Title>
      <Problems {...figures} />
      <Queues {...figures} />
      <div class="columns wide-first">
        <JobsAMinute {...figures} />
        <Card
          title="Campaigns under way"
          note={
            <a class="push quiet" href="/console/campaigns">
              All campaigns
            </a>
          }
        >
          <Answer path="campaigns?open=yes" everyMs={10_000}>
            {({ campaigns }: Campaigns) =>
              campaigns.length === 0 ? (
                <Empty what="No campaign is under way." />
              ) : (
                <ul class="list">
                  {campaigns.slice(0, 5).map((campaign) => (
                    <Line key={campaign.id} campaign={campaign} />
                  ))}
                </ul>
              )
            }
          </Answer>
        </Card>
      </div>
      <Vendors {...figures} />
    </>
  );
}

/** How many jobs a problem is about. `one` and `many`: what they do. */
const jobsText = ({ jobs }: Problem, one = '', many = ''): string =>
  jobs && jobs.count > 0 ? `, ${jobs.count === 1 ? `1 job${one}` : `${count(jobs.count, jobs.more)} jobs${many}`}` : '';

/** The worst of all in a line, without its code. */
const headline = (problem: Problem): string =>
  problem.kind === 'circuit-open'
    ? `${problem.subject} ${problem.what.replace(/ \(.*/, '')}${jobsText(problem, ' waits for it', ' wait for it')}`
    : `${problem.subject && `${problem.subject}: `}${problem.what}`;

/** What is wrong, the worst first: since when, what follows, and the next act. */
const Problems = ({ problems, notes, queues, vendors }: Figures) => (
  <>
    {[...problems, ...notes].map((problem) => (
      <section
        key={`${problem.kind} ${problem.subject}`}
        class={`card problem ${HARD.includes(problem.kind) ? 'needs-you' : ''}`}
        aria-label={`${notes.includes(problem) ? 'Note' : 'Problem'}: ${problem.kind} ${problem.subject}`}
      >
        <div class="body stack">
          <div class="head row">
            <h2>
              {problem.subject && `${problem.subject}: `}
              {problem.what}
              {jobsText(problem)}
            </h2>
            {problem.since ? (
              <span class="quiet">
                since <Time at={problem.since} /> UTC
              </span>
            ) : null}
            <span class="row push">
              <Acts {...problem} queues={queues} />
              <a class="button" href={placeOf(problem, { queues, vendors })}>
                Show it
              </a>
            </span>
          </div>
          <p>{problem.advice}</p>
          <Command text={problem.next} />
        </div>
      </section>
    ))}
  </>
);

/** Kinds that do not end without an operator. */
const HARD: readonly string[] = [
  'reconciler-missing',
  'function-errors',
  'access-denied',
  'jobs-dead',
  'dlq-depth',
  'mapping-off',
];

function Acts({ kind, subject, queues }: Problem & Pick<Figures, 'queues'>) {
  if (kind === 'circuit-open')
    return <Action label={`Try ${subject} now`} action="vendor.try" input={{ vendor: subject }} tone="primary" />;
  if (kind !== 'queue-paused' && kind !== 'mapping-off') return null;
  const queue = queues.find((one) => one.queue === subject);
  return (
    <>
      {queue?.pause && queue.receives ? (
        <Action label={`Pause ${subject} again`} action="queue.pause" input={{ queue: subject }} tone="primary" />
      ) : null}
      <Action label={`Resume ${subject}`} action="queue.resume" input={{ queue: subject }} />
    </>
  );
}

function placeOf({ kind, subject }: Problem, { queues, vendors }: Pick<Figures, 'queues' | 'vendors'>): string {
  if (kind === 'jobs-dead') return addressOf('/console/dead', { queue: subject });
  if (queues.some(({ queue }) => queue === subject)) return addressOf('/console/jobs', { queue: subject });
  if (vendors.some(({ vendor }) => vendor === subject))
    return addressOf('/console/jobs', { vendor: subject, state: 'held' });
  const isCampaign = kind.startsWith('campaign-') || kind === 'events-missing';
  return isCampaign ? addressOf('/console/campaigns', { id: subject }) : '/console/jobs';
}

const HOUR_MS = 3_600_000;

interface FigureProps {
  value: string | undefined;
  note?: preact.ComponentChildren;
  tone?: string | undefined;
  label: string;
  points: Points;
  at: number;
  kind?: 'bars' | 'line';
  textOf?: (value: number) => string;
}

const Figure = ({ value = '–', note, tone = '', label, points, at, ...how }: FigureProps) => (
  <div class="figure">
    <strong class={value === '0' || value === '–' ? 'none' : tone}>{value}</strong>
    <small>{note}</small>
    <Spark label={label} points={points} from={at - HOUR_MS} to={at} tone={tone} {...how} />
  </div>
);

const Queues = ({ queues, at }: Figures) => (
  <Card title="Queues" note={<small>Last hour, a point a minute. CloudWatch is some minutes late.</small>}>
    <Table
      label="Table of queues"
      class="figures"
      rows={queues}
      id={({ queue }) => queue}
      columns={{
        Queue: ({ queue, pause, receives }) => (
          <>
            <a href={addressOf('/console/jobs', { queue })}>{queue}</a>{' '}
            {pause ? <State state="paused" /> : receives === false ? <State state="open (not received)" /> : null}
          </>
        ),
        Done: ({ lastHour: { succeeded } }) => (
          <Figure value={count(sum(succeeded))} note="last hour" label="Done a minute" points={succeeded} at={at} />
        ),
        Failed: ({ lastHour: { dead } }) => (
          <Figure value={count(sum(dead))} note="last hour" tone="bad" label="Failed a minute" points={dead} at={at} />
        ),
        Waiting: (of) => <Waiting {...of} at={at} />,
        'Time to finish, p95': ({ levels: { finish = [] } = {} }) => (
          <Figure
            value={finish.length > 0 ? duration(finish.at(-1)?.value ?? 0) : undefined}
            note={finish.length > 0 ? 'newest' : 'none now'}
            label="Time to finish"
            points={finish}
            at={at}
            kind="line"
            textOf={duration}
          />
        ),
        Dead: ({ queue, dead, leaving }) => (
          <>
            {dead > 0 ? (
              <a class="bad" href={addressOf('/console/dead', { queue })}>
                <strong>{count(dead)}</strong>
              </a>
            ) : (
              <span class="quiet">0</span>
            )}
            {leaving > 0 ? <small>DLQ entries still to be removed: {leaving}</small> : null}
          </>
        ),
        [ACT]: ({ queue, receives, pause }) => {
          const next = pause || receives === false ? 'Resume' : 'Pause';
          const action = `queue.${next.toLowerCase()}`;
          return <Action short={next} label={`${next} ${queue}`} action={action} input={{ queue }} tone="plain" />;
        },
      }}
      numbers={['Dead']}
    />
  </Card>
);

/** What is in the queue, and what is held outside it. The picture has the queue only: CloudWatch has no count of held jobs. */
function Waiting({ queue, visible, inFlight, held, oldestSeconds, levels, at }: QueueFigures & { at: number }) {
  const kinds = Object.entries(held);
  const all = kinds.reduce((total, [, of]) => total + of.count, visible + inFlight);
  const text = count(
    all,
    kinds.some(([, { more }]) => more),
  );
  const ofKinds = kinds.map(([reason, of]) => (
    <div key={reason}>
      <a href={addressOf('/console/jobs', { queue, state: 'held' })}>{count(of.count, of.more)}</a> {reason}
    </div>
  ));
  const note =
    ofKinds.length > 0 ? ofKinds : oldestSeconds !== undefined && all > 0 && `oldest ${duration(oldestSeconds * 1000)}`;
  return (
    <Figure
      value={text}
      note={note}
      tone={kinds.length > 0 ? 'warn' : ''}
      label="In the queue"
      points={levels?.inQueue ?? []}
      at={at}
      kind="line"
    />
  );
}

function JobsAMinute({ queues, at }: Figures) {
  // Analytics has hundreds of messages a minute, in which the others would vanish.
  const shown = queues.filter(({ queue }) => queue !== 'analytics' || queues.length === 1);
  const done = shown.map(({ queue, lastHour }) => [queue, lastHour.succeeded] as const);
  const failed = shown.flatMap(({ lastHour }) => lastHour.dead);
  const lines = Object.fromEntries([...done, ['failed', failed] as const]);
  const totals = Object.fromEntries(Object.entries(lines).map(([name, points]) => [name, count(sum(points))]));
  const ended = count(done.reduce((total, [, points]) => total + sum(points), 0));
  return (
    <Chart
      title={shown.length < queues.length ? 'Jobs a minute, without analytics' : 'Jobs a minute'}
      caption={`In the last hour ${ended} ended well, and ${count(sum(failed))} failed.`}
      lines={lines}
      totals={totals}
      tones={{ failed: 'fill-bad' }}
      from={at - HOUR_MS}
      to={at}
    />
  );
}

/** The hours until a limit ends, which an operator may change. */
const ENDS = { name: 'hours', label: 'Ends after (hours)', value: '24' };

const Vendors = ({ vendors }: Figures) => (
  <Card title="Vendors">
    <Table
      label="Table of vendors"
      rows={vendors}
      id={({ vendor }) => vendor}
      columns={{
        Vendor: ({ vendor, code, circuit }) => (
          <>
            {vendor}
            <small>{circuit === 'closed' ? '' : code}</small>
          </>
        ),
        Circuit: ({ circuit, since, trial }) => (
          <>
            <State state={circuit} />{' '}
            {circuit === 'closed' ? null : (
              <small>
                since <Time at={since} /> UTC. {trial}
              </small>
            )}
          </>
        ),
        'Calls, last hour': ({ calls }) => count(sum(calls)),
        'Sending rate': ({ rate }) =>
          rate ? (
            <>
              {count(rate.perSecond)} a second
              <small>{rate.takenMs > 0 ? `taken for ${duration(rate.takenMs)}` : ''}</small>
            </>
          ) : (
            <span class="quiet">no limit of ours</span>
          ),
        'Set by operators': ({ limits }) => limits.map((line) => <small key={line}>{line}</small>),
        [ACT]: ({ vendor, circuit, rate, set }) => {
          const input = { vendor };
          const perSecond = { name: 'perSecond', label: 'Mails a second', value: String(rate?.perSecond ?? 10) };
          const rateOf = { label: `Set rate of ${vendor}`, short: 'Set rate', action: 'vendor.rate', input };
          return (
            <>
              {circuit === 'closed' ? null : (
                <Action label={`Try ${vendor} now`} short="Try now" action="vendor.try" input={input} />
              )}
              {vendor === 'sendgrid' ? <Action {...rateOf} fields={[perSecond, ENDS]} tone="plain" /> : null}
              {set.paused || set.rate ? (
                <Action label={`Resume ${vendor}`} short="Resume" action="vendor.resume" input={input} />
              ) : (
                <Action
                  {...{ label: `Pause ${vendor}`, short: 'Pause', action: 'vendor.pause', input, tone: 'plain' }}
                  fields={[ENDS]}
                />
              )}
            </>
          );
        },
      }}
      numbers={['Calls, last hour']}
    />
  </Card>
);

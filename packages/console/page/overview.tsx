import { useLayoutEffect, useState } from 'preact/hooks';
import type { QueueFigures } from '../../../lib/operate/ops/overview';
import type { Campaigns, Figures } from '../api';
import { Action } from './action';
import { addressOf, HEALTH, useAsk, useEveryMs } from './api';
import { Sent } from './campaigns';
import { Chart, Figure, type Points } from './chart';
import { ACT, Answer, Card, Command, Empty, idLink, State, Table, Time, Title, two, WELL } from './parts';
import { away, count, counted, duration, shortId, sum } from './text';

type Problem = Figures['problems'][number];

/** Whether anything is wrong, on each page. The figures of the overview say it too, so there it `asks` for nothing. */
export function Health({ asks }: { asks: boolean }) {
  const [problems, setProblems] = useState<Problem[]>();
  useLayoutEffect(() => addEventListener(HEALTH, (event) => setProblems((event as CustomEvent<Problem[]>).detail)), []);
  return (
    <>
      {asks && <AskedHealth />}
      {problems && (
        <a class={`health row ${problems.length === 0 ? 'good' : 'bad'}`} href="/">
          {problems.length === 0 ? 'All well' : counted(problems.length, 'problem')}
        </a>
      )}
    </>
  );
}

function AskedHealth() {
  const { data } = useAsk<Pick<Figures, 'problems'>>('health', 2 * useEveryMs());
  return data ? <Told {...data} /> : null;
}

function Told({ problems }: Pick<Figures, 'problems'>) {
  useLayoutEffect(() => void dispatchEvent(new CustomEvent(HEALTH, { detail: problems })), [problems]);
  return null;
}

export const OverviewPage = () => <Answer path="overview" everyMs={useEveryMs()} show={Status} />;

function Status(figures: Figures) {
  const { queues, problems, notes, reconciledAt, at } = figures;
  const [worst] = problems;
  const well = queues.length === 1 ? `${queues[0]?.queue} works` : `All ${queues.length} queues work`;
  return (
    <>
      <Told problems={problems} />
      <Title
        text={worst ? headline(worst) : well}
        mark={!worst && WELL}
        about={
          <>
            {!worst && 'Nothing is wrong. '}
            The reconciler {reconciledAt === undefined ? 'has not run yet' : `ran ${away(reconciledAt)}`}. Figures of{' '}
            <Time at={at} short /> UTC.
          </>
        }
      />
      {[...problems, ...notes].map((problem) => (
        <One key={`${problem.kind} ${problem.subject}`} problem={problem} figures={figures} />
      ))}
      <Queues {...figures} />
      <div class="columns wide-first">
        <JobsAMinute {...figures} />
        <Card title="Campaigns under way" note={<a href="/console/campaigns">All campaigns</a>}>
          <Answer path="campaigns?open=yes" everyMs={10_000} show={UnderWay} />
        </Card>
      </div>
      <Vendors {...figures} />
    </>
  );
}

const UnderWay = ({ campaigns }: Campaigns) =>
  campaigns.length === 0 ? (
    <Empty what="No campaign is under way." />
  ) : (
    <ul class="list">
      {campaigns.slice(0, 5).map((campaign) => (
        <li key={campaign.id}>
          <div class="row">
            {idLink('/console/campaigns', { id: campaign.id }, campaign.name ?? shortId(campaign.id))}
            <State state={campaign.status} />
          </div>
          <small>
            <Sent {...campaign} />
          </small>
        </li>
      ))}
    </ul>
  );

const aboutOf = ({ subject, what }: Problem): string => (subject ? `${subject}: ${what}` : what);
const jobsOf = ({ jobs }: Problem): string => (jobs?.count ? `, ${counted(jobs.count, 'job', jobs.more)}` : '');

/** The worst of all in a line, without its code. */
function headline(problem: Problem): string {
  if (problem.kind !== 'circuit-open') return aboutOf(problem);
  const wait = jobsOf(problem) && `${jobsOf(problem)} ${problem.jobs?.count === 1 ? 'waits' : 'wait'} for it`;
  return `${problem.subject} ${problem.what.replace(/ \(.*/, '')}${wait}`;
}

/** What is wrong: since when, what follows, and the next act. */
function One({ problem, figures }: { problem: Problem; figures: Figures }) {
  const { kind, subject, since, advice, next } = problem;
  return (
    <section
      class={`card problem ${HARD.includes(kind) ? 'needs-you' : ''}`}
      aria-label={`${figures.notes.includes(problem) ? 'Note' : 'Problem'}: ${kind} ${subject}`}
    >
      <div class="body stack">
        <div class="head row">
          <h2>{aboutOf(problem) + jobsOf(problem)}</h2>
          {since && (
            <span class="quiet">
              since <Time at={since} /> UTC
            </span>
          )}
          <span class="row push">
            <Acts {...problem} queues={figures.queues} />
            <a class="button" href={placeOf(problem, figures)}>
              Show it
            </a>
          </span>
        </div>
        <p>{advice}</p>
        <Command text={next} />
      </div>
    </section>
  );
}

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
  if (kind === 'circuit-open') return <Try vendor={subject} tone="primary" />;
  if (kind !== 'queue-paused' && kind !== 'mapping-off') return null;
  const queue = queues.find((one) => one.queue === subject);
  const input = { queue: subject };
  return (
    <>
      {queue?.pause && queue.receives && (
        <Action label={`Pause ${subject} again`} action="queue.pause" input={input} tone="primary" />
      )}
      <Action label={`Resume ${subject}`} action="queue.resume" input={input} />
    </>
  );
}

function placeOf({ kind, subject }: Problem, { queues, vendors }: Figures): string {
  if (kind === 'jobs-dead') return addressOf('/console/dead', { queue: subject });
  if (queues.some(({ queue }) => queue === subject)) return addressOf('/console/jobs', { queue: subject });
  if (vendors.some(({ vendor }) => vendor === subject))
    return addressOf('/console/jobs', { vendor: subject, state: 'held' });
  const isCampaign = kind.startsWith('campaign-') || kind === 'events-missing';
  return isCampaign ? addressOf('/console/campaigns', { id: subject }) : '/console/jobs';
}

const lastHour = (at: number) => ({ from: at - 3_600_000, to: at });

function Queues({ queues, at }: Figures) {
  const ended = (label: string, points: Points, tone = '') => (
    <Figure value={count(sum(points))} note="last hour" label={label} {...{ points, tone, ...lastHour(at) }} />
  );
  return (
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
              {pause ? <State state="paused" /> : receives === false && <State state="open (not received)" />}
            </>
          ),
          Done: ({ lastHour: { succeeded } }) => ended('Done a minute', succeeded),
          Failed: ({ lastHour: { dead } }) => ended('Failed a minute', dead, 'bad'),
          Waiting: (of) => <Waiting {...of} at={at} />,
          'Time to finish, p95': ({ levels: { finish: points = [] } = {} }) => (
            <Figure
              value={points.length > 0 ? duration(points.at(-1)?.value ?? 0) : '–'}
              note={points.length > 0 ? 'newest' : 'none now'}
              label="Time to finish"
              {...{ points, ...lastHour(at), kind: 'line', textOf: duration }}
            />
          ),
          Dead: ({ queue, dead, leaving }) => {
            const link = idLink('/console/dead', { queue }, count(dead));
            const tone = dead > 0 ? 'bad' : 'quiet';
            return two(<span class={tone}>{link}</span>, leaving > 0 && `DLQ entries still to be removed: ${leaving}`);
          },
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
}

/** What is in the queue, and what is held outside it. The picture has the queue only: CloudWatch has no count of held jobs. */
function Waiting({ queue, visible, inFlight, held, oldestSeconds, levels, at }: QueueFigures & { at: number }) {
  const kinds = Object.values(held);
  const all = kinds.reduce((total, of) => total + of.count, visible + inFlight);
  const isBound = kinds.some(({ more }) => more);
  const ofKinds = kinds.map((of) => (
    <div key={of.what}>
      <a href={addressOf('/console/jobs', { queue, state: 'held' })}>{count(of.count, of.more)}</a> {of.what}
    </div>
  ));
  const oldest = oldestSeconds !== undefined && all > 0 && `oldest ${duration(oldestSeconds * 1000)}`;
  return (
    <Figure
      value={count(all, isBound)}
      note={kinds.length > 0 ? ofKinds : oldest}
      tone={kinds.length > 0 ? 'warn' : ''}
      label="In the queue"
      {...{ points: levels?.inQueue ?? [], ...lastHour(at), kind: 'line' }}
    />
  );
}

function JobsAMinute({ queues, at }: Figures) {
  // Analytics has hundreds of messages a minute, in which the others would vanish.
  const shown = queues.filter(({ queue }) => queue !== 'analytics' || queues.length === 1);
  const done = Object.fromEntries(shown.map(({ queue, lastHour }) => [queue, lastHour.succeeded]));
  const failed = shown.flatMap(({ lastHour }) => lastHour.dead);
  const ended = count(sum(Object.values(done).flat()));
  return (
    <Chart
      title={shown.length < queues.length ? 'Jobs a minute, without analytics' : 'Jobs a minute'}
      caption={`In the last hour ${ended} ended well, and ${count(sum(failed))} failed.`}
      lines={{ ...done, failed }}
      tones={{ failed: 'fill-bad' }}
      {...lastHour(at)}
    />
  );
}

/** The hours until a limit ends, which an operator may change. */
const ENDS = { name: 'hours', label: 'Ends after (hours)', value: '24' };

const Try = ({ vendor, ...shown }: { vendor: string; short?: string; tone?: string }) => (
  <Action {...shown} label={`Try ${vendor} now`} action="vendor.try" input={{ vendor }} />
);

const Vendors = ({ vendors }: Figures) => (
  <Card title="Vendors">
    <Table
      label="Table of vendors"
      rows={vendors}
      id={({ vendor }) => vendor}
      columns={{
        Vendor: ({ vendor, code, circuit }) => two(vendor, circuit === 'closed' ? '' : code),
        Circuit: ({ circuit, since, trial }) =>
          two(
            <State state={circuit} />,
            circuit !== 'closed' && ['since ', <Time key="" at={since} />, ` UTC. ${trial}`],
          ),
        'Calls, last hour': ({ calls }) => count(sum(calls)),
        'Sending rate': ({ rate }) =>
          rate
            ? two(`${count(rate.perSecond)} a second`, rate.takenMs > 0 && `taken for ${duration(rate.takenMs)}`)
            : '–',
        'Set by operators': ({ limits }) => limits.map((line) => <small key={line}>{line}</small>),
        [ACT]: ({ vendor, circuit, rate, set }) => {
          const of = (name: string) => ({ label: `${name} ${vendor}`, input: { vendor } });
          const perSecond = { name: 'perSecond', label: 'Mails a second', value: String(rate?.perSecond ?? 10) };
          return (
            <>
              {circuit !== 'closed' && <Try vendor={vendor} short="Try now" />}
              {vendor === 'sendgrid' && (
                <Action {...of('Set rate of')} short="Set rate" action="vendor.rate" fields={[perSecond, ENDS]} />
              )}
              {set.paused || set.rate ? (
                <Action {...of('Resume')} short="Resume" action="vendor.resume" />
              ) : (
                <Action {...of('Pause')} short="Pause" action="vendor.pause" fields={[ENDS]} tone="plain" />
              )}
            </>
          );
        },
      }}
      numbers={['Calls, last hour']}
    />
  </Card>
);

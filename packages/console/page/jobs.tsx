import { useLayoutEffect, useState } from 'preact/hooks';
import { PUT_ASIDE, REASONS, STATES } from '../../../lib/engine/jobs/states';
import type { SimpleAction } from '../../../lib/operate/ops/act';
import type { DeadLetters, FoundJobs, JobCounts } from '../jobs';
import { Acts, All } from './action';
import { addressOf, jobAddress, type Params, param, params, useAsk, useSession } from './api';
import { Figure } from './chart';
import { JobPanel } from './job';
import { Answer, Card, Empty, IconButton, isTyping, State, Table, Time, Title, two } from './parts';
import { away, capital, count, counted, duration, shortId } from './text';

export function JobsPage() {
  const query = params();
  const { data: counts } = useAsk<JobCounts>(addressOf('counts', { queue: query.queue }), 10_000);
  const open = counts && `${counted(counts.open.count, 'job', counts.open.more)} queued or processing.`;
  return (
    <>
      <Title
        text={query.q ? 'Search' : query.state ? `${capital(query.state)} jobs` : 'Jobs'}
        about={`The newest first. ${open ?? ''}`}
      >
        <p class="push quiet keys">
          <kbd>j</kbd> <kbd>k</kbd> move · <kbd>x</kbd> select · <kbd>Enter</kbd> open · <kbd>?</kbd> all keys
        </p>
      </Title>
      <Tabs query={query} counts={counts} />
      <Filters query={query} />
      <Answer path={addressOf('jobs', query)} show={(found: FoundJobs) => <List found={found} query={query} />} />
    </>
  );
}

const Tabs = ({ query, counts }: { query: Params; counts: JobCounts | undefined }) => (
  <nav class="tabs" aria-label="States">
    {['', ...STATES, ...PUT_ASIDE].map((state) => {
      const of = counts && (state === 'held' || state === 'dead') ? counts[state] : undefined;
      const to = addressOf('/console/jobs', { ...query, state, reason: '', after: '' });
      return (
        <a key={state} href={to} aria-current={state === (query.state ?? '') ? 'page' : undefined}>
          {capital(state || 'all')} {of && of.count > 0 && <b class={`badge ${state}`}>{count(of.count, of.more)}</b>}
        </a>
      );
    })}
  </nav>
);

const ANY = { placeholder: 'any' };
// A field of the browser would show its own clock, and its own order of month and day.
const HOUR = { pattern: '\\d{4}-\\d\\d-\\d\\dT\\d\\d', placeholder: '2026-01-31T23' };

function Filters({ query: { after: _after, ...query } }: { query: Params }) {
  const { queues: queue, vendors: vendor } = useSession();
  const fields = { queue, reason: REASONS, vendor, code: ANY, without: ANY, from: HOUR, to: HOUR };
  const kept = Object.keys(query).filter((name) => !(name in fields));
  return (
    <form class="row" aria-label="Filters">
      {kept.map((name) => (
        <input key={name} type="hidden" name={name} value={query[name]} />
      ))}
      {Object.entries(fields).map(([name, how]) => (
        <label key={name} for={`filter-${name}`} class="filter">
          {name === 'code' ? 'Error' : capital(name)}
          {'placeholder' in how ? (
            <input id={`filter-${name}`} name={name} defaultValue={query[name]} {...how} />
          ) : (
            <select id={`filter-${name}`} name={name} onChange={(event) => event.currentTarget.form?.requestSubmit()}>
              <option value="">any</option>
              {how.map((option) => (
                <option key={option} selected={option === query[name]}>
                  {option}
                </option>
              ))}
            </select>
          )}
        </label>
      ))}
      <button type="submit" class="plain">
        Filter
      </button>
      {Object.keys(query).some((name) => name !== 'state') && (
        <a class="quiet" href={addressOf('/console/jobs', { state: query.state })}>
          Clear filters
        </a>
      )}
      <span class="row push">{!query.q && !query.group && <All filter={query} />}</span>
    </form>
  );
}

type Line = FoundJobs['jobs'][number];
const keyOf = ({ queue, id }: Line): string => `${queue} ${id}`;

function List({ found: { jobs, note, by, next }, query }: { found: FoundJobs; query: Params }) {
  const [chosen, choose] = useState<readonly string[]>([]);
  const [shown, show] = useState<string>();
  const at = jobs.findIndex((job) => keyOf(job) === shown);
  const job = jobs[at];
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (isTyping(event)) return;
      const rows = document.querySelectorAll('.jobs tbody tr');
      if (event.key === 'x') rows[at]?.querySelector('input')?.click();
      const to = event.key === 'j' ? at + 1 : event.key === 'k' ? Math.max(0, at - 1) : -1;
      if (!jobs[to]) return;
      show(keyOf(jobs[to]));
      rows[to]?.querySelector('a')?.focus();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  });
  return (
    <>
      <p class="quiet found" aria-live="polite">{`${counted(jobs.length, 'job')}. ${note}`}</p>
      <div class={job ? 'split' : ''}>
        <div class="stack">
          <section class="card jobs" aria-label="List of jobs">
            <Rows {...{ jobs, chosen, choose, shown, show }} />
          </section>
          <Bulk jobs={jobs.filter((one) => chosen.includes(keyOf(one)))} clear={() => choose([])} />
          <div class="row">
            <span class="push">{query.after && <Newer query={query} />}</span>
            {next && (
              <a class="button" href={addressOf('/console/jobs', { ...query, by, after: next })}>
                Older
              </a>
            )}
          </div>
        </div>
        {job && <JobPanel key={keyOf(job)} queue={job.queue} id={job.id} close={() => show(undefined)} />}
      </div>
    </>
  );
}

/** Back to the page of the list from which this one was reached, if this tab has it. */
function Newer({ query }: { query: Params }) {
  const behind = window.navigation?.entries()[(navigation.currentEntry?.index ?? 0) - 1]?.url;
  return behind?.includes('/console/jobs') ? (
    <button type="button" onClick={() => history.back()}>
      Newer
    </button>
  ) : (
    <a class="button" href={addressOf('/console/jobs', { ...query, after: '' })}>
      Newest
    </a>
  );
}

/** A job's type without its version, or its queue. */
const kindOf = ({ type, queue }: Line): string => type?.replace(/\.v\d+$/, '') ?? queue;

/** As wide as page.css shows a job beside the list. */
const hasPanel = (): boolean => matchMedia('(width >= 75rem)').matches;

interface RowsProps {
  jobs: readonly Line[];
  chosen: readonly string[];
  choose: (keys: readonly string[]) => void;
  shown: string | undefined;
  show: (key: string) => void;
}

function Rows({ jobs, chosen, choose, shown, show }: RowsProps) {
  const tick = (label: string, of: readonly Line[]) => {
    const keys = of.map(keyOf);
    const others = chosen.filter((key) => !keys.includes(key));
    const checked = chosen.length - others.length === of.length;
    const onChange = () => choose(checked ? others : [...others, ...keys]);
    return <input type="checkbox" aria-label={label} {...{ checked, onChange }} />;
  };
  const open = (job: Line) => (event: MouseEvent) => {
    // Without a detail it is the Enter key, which opens the job.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.detail === 0 || !hasPanel()) return;
    event.preventDefault();
    show(keyOf(job));
  };
  return (
    <Table
      label="Jobs"
      rows={jobs}
      id={keyOf}
      names="Job"
      empty={<Empty what="No job matches.">Widen the time, or clear the filters.</Empty>}
      heads={{ Select: tick('Select all jobs of this page', jobs) }}
      numbers={['Took', 'Attempts']}
      columns={{
        Select: (job) => tick(`Select ${job.id}`, [job]),
        Job: (job) => (
          <a
            href={jobAddress(job.queue, job.id)}
            title={job.id}
            aria-current={keyOf(job) === shown}
            onClick={open(job)}
          >
            {kindOf(job)}
            <small class="mono">
              <span class="hidden">{job.id}</span>
              <span aria-hidden="true">{shortId(job.id)}</span>
            </small>
          </a>
        ),
        State: ({ state, why, next }) => two([<State key="" state={state} />, ' ', next && away(next)], why, 'why'),
        Who: ({ who = '–', correlation }) => <span class="mono">{two(who, correlation)}</span>,
        Accepted: ({ accepted }) => two(away(accepted), <Time at={accepted} short />),
        Took: ({ took }) => (took === undefined ? '–' : duration(took)),
        Attempts: ({ attempts }) => attempts,
      }}
    />
  );
}

/** What can be done to the selected jobs. Each act names how many it applies to. */
function Bulk({ jobs, clear }: { jobs: readonly Line[]; clear: () => void }) {
  const of = (act: SimpleAction) => jobs.filter(({ can }) => can.includes(act)).map(({ queue, id }) => ({ queue, id }));
  return (
    jobs.length > 0 && (
      <section class="bulk row" aria-label="Selected jobs">
        <strong>{jobs.length} selected</strong>
        <Acts
          can={jobs.flatMap(({ can }) => can)}
          inputOf={(act) => ({ jobs: of(act) })}
          of={(act) => String(of(act).length)}
        />
        <IconButton icon="close" label="Select none" act={clear} />
      </section>
    )
  );
}

const DEAD = (
  <>
    Dead jobs by cause, the largest first. <a href="/console/jobs?state=discarded">Discarded</a> and{' '}
    <a href="/console/jobs?state=replaced">replaced</a> jobs are not among them.
  </>
);

export const DeadPage = () => (
  <>
    <Title text="Dead letters" about={DEAD} />
    <Answer path={addressOf('dead', { queue: param('queue') })} everyMs={10_000} show={Causes} />
  </>
);

const Causes = ({ groups, from, to, more }: DeadLetters) => (
  <Card
    title={counted(groups.length, 'cause')}
    note={more && <small>There are more than could be read, so the counts are at least these.</small>}
  >
    <Table
      empty={<Empty what="No dead jobs.">Each job has ended well, waits, or was put aside.</Empty>}
      label="Dead jobs"
      rows={groups}
      id={({ queue, reason, code }) => `${queue} ${reason} ${code}`}
      columns={{
        Cause: ({ queue, reason, code, messages }) => {
          const to = addressOf('/console/jobs', { queue, state: 'dead', reason, code });
          return two(<a href={to}>{code || reason}</a>, messages.join('; '), 'wraps');
        },
        State: ({ reason }) => <State state={`dead (${reason})`} />,
        Queue: ({ queue }) => queue,
        Jobs: ({ count: of }) => count(of, more),
        'Last 24 hours': ({ trend: points }) => (
          <Figure
            value={`+${count(points.at(-1)?.value ?? 0)}`}
            note="last hour"
            label="Died in an hour"
            {...{ points, from, to }}
          />
        ),
        'Oldest (UTC)': ({ oldest }) => <Time at={oldest} />,
        'All of them': ({ queue, reason, code }) => (
          <span class="row">
            <All filter={{ queue, state: 'dead', reason, code }} />
          </span>
        ),
      }}
      numbers={['Jobs']}
    />
  </Card>
);

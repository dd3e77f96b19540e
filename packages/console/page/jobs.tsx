import { useLayoutEffect, useState } from 'preact/hooks';
import { VENDORS } from '../../../lib/errors';
import { PUT_ASIDE, REASONS, type STATES } from '../../../lib/jobs/states';
import type { SimpleAction } from '../../../lib/ops/act';
import type { DeadLetters, FoundJobs, JobCounts } from '../jobs';
import { Acts, All } from './action';
import { addressOf, go, jobAddress, moves, type Params, param, params } from './api';
import { JobPanel } from './job';
import {
  Answer,
  away,
  Card,
  capital,
  count,
  duration,
  Empty,
  Icon,
  isTyping,
  State,
  shortId,
  Table,
  Time,
  Title,
  useAsk,
  useSession,
} from './parts';

export function JobsPage() {
  const query = params();
  const { data: counts } = useAsk<JobCounts>(addressOf('counts', { queue: query.queue }), 10_000);
  const state = query.state && `${capital(query.state)} jobs`;
  const open = counts?.open;
  return (
    <>
      <Title text={query.q ? 'Search' : state || 'Jobs'}>
        <p class="quiet">
          The newest first.{' '}
          {open ? `${count(open.count, open.more)} ${open.count === 1 ? 'is' : 'are'} queued or processing.` : ''}
        </p>
        <p class="push quiet keys">
          <kbd>j</kbd> <kbd>k</kbd> move · <kbd>x</kbd> select · <kbd>Enter</kbd> open · <kbd>?</kbd> all keys
        </p>
      </Title>
      <Tabs query={query} counts={counts} />
      <Filters query={query} />
      <Answer path={addressOf('jobs', query)}>{(found: FoundJobs) => <List found={found} query={query} />}</Answer>
    </>
  );
}

const TABS = [
  '',
  'queued',
  'processing',
  'held',
  'dead',
  'succeeded',
  'cancelled',
  ...PUT_ASIDE,
] as const satisfies readonly ('' | (typeof STATES)[number] | (typeof PUT_ASIDE)[number])[];
const Tabs = ({ query, counts }: { query: Params; counts: JobCounts | undefined }) => (
  <nav class="tabs" aria-label="States">
    {TABS.map((state) => {
      const of = counts && (state === 'held' || state === 'dead') ? counts[state] : undefined;
      const to = addressOf('/console/jobs', { ...query, state, reason: '', after: '' });
      return (
        <a key={state} href={to} aria-current={state === (query.state ?? '') ? 'page' : undefined}>
          {capital(state || 'all')}{' '}
          {of && of.count > 0 ? <b class={`badge ${state}`}>{count(of.count, of.more)}</b> : null}
        </a>
      );
    })}
  </nav>
);

/** What the form keeps without a field of its own. */
const KEPT = ['q', 'by', 'state', 'group'];
const ANY = { placeholder: 'any' };
// A field of the browser would show its own clock, and its own order of month and day.
const HOUR = { pattern: '\\d{4}-\\d\\d-\\d\\dT\\d\\d', placeholder: '2026-01-31T23' };

function Filters({ query }: { query: Params }) {
  const { queues: queue } = useSession();
  const options = { queue, reason: REASONS, vendor: VENDORS };
  const fields = { ...options, code: ANY, without: ANY, from: HOUR, to: HOUR };
  return (
    <form class="row" aria-label="Filters">
      {KEPT.map((name) => (
        <input key={name} type="hidden" name={name} value={param(name)} />
      ))}
      {Object.entries(fields).map(([name, how]) => (
        <span key={name} class={`filter ${query[name] ? 'set' : ''}`}>
          <label for={`filter-${name}`}>{name === 'code' ? 'Error' : capital(name)}</label>
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
        </span>
      ))}
      <button type="submit" class="plain">
        Filter
      </button>
      {[...Object.keys(fields), 'q', 'group'].some((name) => query[name]) ? (
        <a class="quiet" href={addressOf('/console/jobs', { state: query.state })}>
          Clear filters
        </a>
      ) : null}
      {query.q || query.group ? null : (
        <span class="row push">
          <All filter={Object.fromEntries(Object.entries(query).filter(([name]) => name !== 'after'))} />
        </span>
      )}
    </form>
  );
}

type Line = FoundJobs['jobs'][number];
const keyOf = ({ queue, id }: Line): string => `${queue} ${id}`;

function List({ found: { jobs, note, by, next }, query }: { found: FoundJobs; query: Params }) {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [shown, setShown] = useState<string>();
  const at = jobs.findIndex((job) => keyOf(job) === shown);
  const job = jobs[at];
  const addressOfJob = job ? jobAddress(job.queue, job.id) : '';
  const toggle = (key: string) =>
    setChosen(chosen.includes(key) ? chosen.filter((one) => one !== key) : [...chosen, key]);
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (isTyping(event)) return;
      const { key, target } = event;
      if (key === 'x' && shown) toggle(shown);
      if (key === 'Enter' && job && (target as Element).closest('a')?.getAttribute('href') === addressOfJob) {
        event.preventDefault();
        go(addressOfJob);
      }
      const moved = jobs[key === 'j' ? at + 1 : key === 'k' ? Math.max(0, at - 1) : -1];
      if (!moved) return;
      setShown(keyOf(moved));
      document.querySelector<HTMLElement>(`.jobs a[href="${CSS.escape(jobAddress(moved.queue, moved.id))}"]`)?.focus();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  });
  return (
    <>
      <p class="quiet found" aria-live="polite">{`${jobs.length} ${jobs.length === 1 ? 'job' : 'jobs'}. ${note}`}</p>
      <div class={job ? 'split' : ''}>
        <div class="stack">
          {jobs.length === 0 ? (
            <div class="card">
              <Empty what="No job matches.">
                Widen the time, or <a href="/console/jobs">clear the filters</a>.
              </Empty>
            </div>
          ) : (
            <section class="card jobs" aria-label="List of jobs">
              <Rows jobs={jobs} chosen={chosen} shown={shown} choose={setChosen} toggle={toggle} show={setShown} />
            </section>
          )}
          <Bulk jobs={jobs.filter((one) => chosen.includes(keyOf(one)))} clear={() => setChosen([])} />
          <div class="row">
            <span class="row push">
              {query.after ? <Newer query={query} /> : null}
              {next ? (
                <a class="button" href={addressOf('/console/jobs', { ...query, by, after: next })}>
                  Older
                </a>
              ) : null}
            </span>
          </div>
        </div>
        {job ? <JobPanel key={keyOf(job)} queue={job.queue} id={job.id} close={() => setShown(undefined)} /> : null}
      </div>
    </>
  );
}

const Newer = ({ query }: { query: Params }) =>
  moves() > 0 ? (
    <button type="button" onClick={() => history.back()}>
      Newer
    </button>
  ) : (
    <a class="button" href={addressOf('/console/jobs', { ...query, after: '' })}>
      Newest
    </a>
  );

/** A job's type without its version, or its queue. */
const kindOf = ({ type, queue }: Line): string => type?.replace(/\.v\d+$/, '') ?? queue;

/** As wide as page.css shows a job beside the list. */
const hasPanel = (): boolean => matchMedia('(width >= 75rem)').matches;

interface RowsProps {
  jobs: readonly Line[];
  chosen: readonly string[];
  shown: string | undefined;
  choose: (keys: readonly string[]) => void;
  toggle: (key: string) => void;
  show: (key: string) => void;
}

function Rows({ jobs, chosen, shown, choose, toggle, show }: RowsProps) {
  const open = (job: Line) => (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || !hasPanel()) return;
    event.preventDefault();
    show(keyOf(job));
  };
  const all = (
    <input
      type="checkbox"
      aria-label="Select all jobs of this page"
      checked={chosen.length === jobs.length}
      onChange={() => choose(chosen.length === jobs.length ? [] : jobs.map(keyOf))}
    />
  );
  return (
    <Table
      label="Jobs"
      rows={jobs}
      id={keyOf}
      names="Job"
      heads={{ Select: all }}
      numbers={['Took', 'Attempts']}
      classOf={(job) => `${chosen.includes(keyOf(job)) ? 'selected' : ''} ${keyOf(job) === shown ? 'shown' : ''}`}
      columns={{
        Select: (job) => (
          <input
            type="checkbox"
            aria-label={`Select ${job.id}`}
            checked={chosen.includes(keyOf(job))}
            onChange={() => toggle(keyOf(job))}
          />
        ),
        Job: (job) => (
          <a href={jobAddress(job.queue, job.id)} title={job.id} onClick={open(job)}>
            {kindOf(job)}
            <small class="mono">
              <span class="hidden">{job.id}</span>
              <span aria-hidden="true">{shortId(job.id)}</span>
            </small>
          </a>
        ),
        State: ({ state, why, next }) => (
          <>
            <State state={state} /> {next === undefined ? null : <span class="quiet">{away(next)}</span>}
            <small class="why" title={why}>
              {why}
            </small>
          </>
        ),
        Who: ({ who, correlation }) => (
          <span class="mono">
            {who ?? <span class="quiet">–</span>}
            <small>{correlation}</small>
          </span>
        ),
        Accepted: ({ accepted }) => (
          <>
            {away(accepted)}
            <small>
              <Time at={accepted} short />
            </small>
          </>
        ),
        Took: ({ took }) => (took === undefined ? '–' : duration(took)),
        Attempts: ({ attempts }) => attempts,
      }}
    />
  );
}

/** What can be done to the selected jobs. Each act names how many it applies to. */
function Bulk({ jobs, clear }: { jobs: readonly Line[]; clear: () => void }) {
  if (jobs.length === 0) return null;
  const of = (act: SimpleAction) => jobs.filter(({ can }) => can.includes(act)).map(({ queue, id }) => ({ queue, id }));
  return (
    <section class="bulk row" aria-label="Selected jobs">
      <strong>{jobs.length} selected</strong>
      <Acts
        can={jobs.flatMap(({ can }) => can)}
        inputOf={(act) => ({ jobs: of(act) })}
        of={(act) => String(of(act).length)}
      />
      <button type="button" class="plain" aria-label="Select none" onClick={clear}>
        <Icon name="close" />
      </button>
    </section>
  );
}

export const DeadPage = () => (
  <>
    <Title text="Dead letters">
      <p class="quiet">
        Dead jobs by cause, the largest first. <a href="/console/jobs?state=discarded">Discarded</a> and{' '}
        <a href="/console/jobs?state=replaced">replaced</a> jobs are not among them.
      </p>
    </Title>
    <Answer path={addressOf('dead', { queue: param('queue') })} everyMs={10_000}>
      {({ groups, more }: DeadLetters) => (
        <Card title={groups.length === 0 ? 'Causes' : `${groups.length} ${groups.length === 1 ? 'cause' : 'causes'}`}>
          {more ? <p class="body quiet">There are more than could be read, so the counts are at least these.</p> : null}
          <Table
            empty={<Empty what="No dead jobs.">Each job has ended well, waits, or was put aside.</Empty>}
            label="Dead jobs"
            rows={groups}
            id={({ queue, reason, code }) => `${queue} ${reason} ${code}`}
            columns={{
              Cause: ({ queue, reason, code, messages }) => (
                <>
                  <a href={addressOf('/console/jobs', { queue, state: 'dead', reason, code })}>{code || reason}</a>
                  <small class="wraps">{messages.join('; ')}</small>
                </>
              ),
              State: ({ reason }) => <State state={`dead (${reason})`} />,
              Queue: ({ queue }) => queue,
              Jobs: ({ count: of }) => count(of, more),
              'Last hour': ({ lastHour }) => (lastHour > 0 ? <span class="bad">+{count(lastHour)}</span> : '0'),
              'Oldest (UTC)': ({ oldest }) => <Time at={oldest} />,
              'All of them': ({ queue, reason, code }) => (
                <span class="row">
                  <All filter={{ queue, state: 'dead', reason, code }} />
                </span>
              ),
            }}
            numbers={['Jobs', 'Last hour']}
          />
        </Card>
      )}
    </Answer>
  </>
);

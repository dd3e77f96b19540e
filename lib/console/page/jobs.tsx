import { useEffect, useRef, useState } from 'preact/hooks';
import { VENDORS } from '../../errors';
import { REASONS, STATES } from '../../jobs/row';
import type { JobLine, SearchBy, SearchLine } from '../views';
import { call } from './api';
import { Failure, State, Table, Time } from './parts';
import { addressOf, go, jobAddress, Link, usePlace } from './router';
import { useSession } from './session';

/** What a search has found so far. */
interface Found {
  jobs: JobLine[];
  progress?: { done: number; of: number; looked: number };
  end?: { more: boolean; note: string };
  error?: string;
}

/** Searches jobs. The filters are in the address. */
export function JobsPage() {
  const { params } = usePlace();
  const query = params.toString();
  return (
    <>
      <Filters params={params} />
      <Results query={query} key={query} />
    </>
  );
}

/** Runs one search and shows what it finds. Another search is another `Results`, so no job of the last one is shown. */
function Results({ query }: { query: string }) {
  const { found, running, stop } = useSearch(query);
  return (
    <>
      <Progress found={found} running={running} stop={stop} />
      <Failure error={found.error} />
      {found.jobs.length > 0 ? <Jobs jobs={found.jobs} /> : null}
    </>
  );
}

/** A table of jobs. */
export function Jobs({ jobs }: { jobs: readonly JobLine[] }) {
  return (
    <Table label="Jobs" head={['Job', 'Queue', 'State', 'Attempts', 'Accepted (UTC)', 'Next', 'Ended', 'Error']}>
      {jobs.map(({ queue, id, state, attempts, accepted, next, ended, code }) => (
        <tr key={`${queue} ${id}`}>
          <td class="id">
            <Link to={jobAddress(queue, id)}>{id}</Link>
          </td>
          <td>{queue}</td>
          <td>
            <State state={state} />
          </td>
          <td class="number">{attempts}</td>
          <td>
            <Time at={accepted} />
          </td>
          <td>
            <Time at={next} />
          </td>
          <td>
            <Time at={ended} />
          </td>
          <td>{code ?? ''}</td>
        </tr>
      ))}
    </Table>
  );
}

function Progress({ found, running, stop }: { found: Found; running: boolean; stop: () => void }) {
  const { progress, end, jobs } = found;
  return (
    <div class="progress" aria-live="polite">
      {running ? (
        <>
          <progress aria-label="Searched" max={progress?.of ?? 1} value={progress?.done ?? 0} />
          <button type="button" onClick={stop}>
            Stop
          </button>
        </>
      ) : null}
      <p>
        {jobs.length} {jobs.length === 1 ? 'job' : 'jobs'}
        {progress ? `, ${progress.looked} looked at` : ''}
        {running || end || found.error ? '. ' : '. You stopped the search. '}
        {end?.note ?? ''}
      </p>
    </div>
  );
}

/** Runs a search from start to end. It stops when its component is gone. */
function useSearch(query: string): { found: Found; running: boolean; stop: () => void } {
  const [found, setFound] = useState<Found>({ jobs: [] });
  const [running, setRunning] = useState(true);
  const abort = useRef<AbortController>(undefined);
  useEffect(() => {
    const control = new AbortController();
    abort.current = control;
    const take = (line: SearchLine) =>
      setFound((before) => {
        if (line.kind === 'job') return { ...before, jobs: [...before.jobs, line.job] };
        if (line.kind === 'progress') return { ...before, progress: line };
        return line.kind === 'end' ? { ...before, end: line } : { ...before, error: line.error };
      });
    read(`jobs?${toTimes(query)}`, control.signal, take)
      .catch((error: Error) => {
        if (!control.signal.aborted) setFound((before) => ({ ...before, error: error.message }));
      })
      .finally(() => setRunning(false));
    return () => control.abort();
  }, [query]);
  return { found, running, stop: () => abort.current?.abort() };
}

/** Reads lines of JSON as they come. */
async function read(path: string, signal: AbortSignal, take: (line: SearchLine) => void): Promise<void> {
  const { body } = await call(path, undefined, signal);
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
    const lines = (rest + chunk.value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(JSON.parse(line) as SearchLine);
  }
}

/** The address has hours as a person writes them. The API takes ms. */
function toTimes(query: string): string {
  const params = new URLSearchParams(query);
  for (const name of ['from', 'to']) {
    const hour = params.get(name);
    if (hour) params.set(name, String(Date.parse(`${hour}:00Z`)));
  }
  return params.toString();
}

const FIELDS = ['by', 'q', 'principal', 'queue', 'state', 'reason', 'vendor', 'code', 'from', 'to'];
const BY: [SearchBy | '', string][] = [
  ['', 'id of the job, or key of its caller'],
  ['user', 'user id'],
  ['email', 'e-mail'],
  ['correlation', 'correlation id'],
  ['ticket', 'Zendesk ticket'],
  ['message', 'message id'],
  ['group', 'message group'],
];

/** The filters of the address. It is drawn only when the address changes, so it does not undo what someone is typing. */
function Filters({ params }: { params: URLSearchParams }) {
  const { queues } = useSession();
  const value = (name: string) => params.get(name) ?? '';
  const select = (name: string, label: string, options: readonly string[]) => (
    <label>
      {label}
      <select name={name} value={value(name)}>
        <option value="">any</option>
        {options.map((option) => (
          <option key={option} value={option} selected={option === value(name)}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <search>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          go(
            addressOf('/console/jobs', Object.fromEntries(FIELDS.map((name) => [name, String(form.get(name) ?? '')]))),
          );
        }}
      >
        <label>
          Search for
          <select name="by" value={value('by')}>
            {BY.map(([by, words]) => (
              <option key={by} value={by} selected={by === value('by')}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label class="wide">
          Value
          <input name="q" data-search value={value('q')} placeholder="Press / to come here" />
        </label>
        <label>
          Principal that owns the key
          <input name="principal" value={value('principal')} />
        </label>
        {select('queue', 'Queue', queues)}
        {select('state', 'State', STATES)}
        {select('reason', 'Reason', REASONS)}
        {select('vendor', 'Vendor', VENDORS)}
        <label>
          Error code
          <input name="code" value={value('code')} />
        </label>
        <label>
          Accepted from (UTC)
          <input name="from" type="datetime-local" step={3600} value={value('from')} />
        </label>
        <label>
          Accepted to (UTC)
          <input name="to" type="datetime-local" step={3600} value={value('to')} />
        </label>
        <button type="submit">Search</button>
      </form>
      <p class="hint">
        Without hours, only jobs that wait or are dead are found. An id of a job or a key is always found.
      </p>
    </search>
  );
}

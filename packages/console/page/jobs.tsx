import { VENDORS } from '../../../lib/errors';
import { REASONS, STATES } from '../../../lib/jobs/states';
import type { FoundJobs } from '../jobs';
import { All } from './action';
import { Failure, State, Table, Time, useAsk, useSession } from './parts';
import { addressOf, jobAddress, Link, searched, usePlace } from './router';

export function JobsPage() {
  const { params } = usePlace();
  const query = toTimes(params);
  const value = (name: string) => params.get(name) ?? '';
  return (
    <>
      <nav class="row" aria-label="States">
        {['', ...STATES, 'discarded'].map((state) => (
          <Link
            key={state}
            to={withParams(params, { state, after: '', q: params.has('by') ? value('q') : '' })}
            current={value('state') === state}
          >
            {state || 'all'}
          </Link>
        ))}
      </nav>
      <Filters params={params} />
      {value('q') ? null : <All filter={Object.fromEntries(query)} />}
      <Results query={query.toString()} key={query.toString()} />
    </>
  );
}

const withParams = (params: URLSearchParams, more: Record<string, string | undefined>): string =>
  addressOf('/console/jobs', { ...Object.fromEntries(params), ...more });

/** A page of a search, the newest jobs without one. Another search is another `Results`: nothing of the last is shown. */
export function Results({ query }: { query: string }) {
  const { params } = usePlace();
  const { data, error } = useAsk<FoundJobs>(`jobs?${query}`);
  return (
    <>
      <p class="found" aria-live="polite">
        {data ? `${data.jobs.length} ${data.jobs.length === 1 ? 'job' : 'jobs'}. ${data.note}` : null}
        {data || error ? null : 'Searching …'}
      </p>
      <Failure error={error} />
      {data && data.jobs.length > 0 ? (
        <Table
          label="Jobs"
          rows={data.jobs}
          id={({ queue, id }) => `${queue} ${id}`}
          columns={{
            Job: ({ queue, id }) => (
              <span class="id">
                <Link to={jobAddress(queue, id)}>{id}</Link>
              </span>
            ),
            Queue: ({ queue }) => queue,
            State: ({ state }) => <State state={state} />,
            Attempts: ({ attempts }) => attempts,
            'Accepted (UTC)': ({ accepted }) => <Time at={accepted} />,
            Next: ({ next }) => <Time at={next} />,
            Ended: ({ ended }) => <Time at={ended} />,
            Error: ({ code }) => code,
          }}
          sorts={{
            Queue: ({ queue }) => queue,
            State: ({ state }) => state,
            Attempts: ({ attempts }) => attempts,
            'Accepted (UTC)': ({ accepted }) => accepted,
            Ended: ({ ended }) => ended,
            Error: ({ code }) => code,
          }}
        />
      ) : null}
      {data?.next ? <Link to={withParams(params, { by: data.by, after: data.next })}>Next page</Link> : null}
    </>
  );
}

/** The address has hours as a person writes them. The API takes ms. */
function toTimes(params: URLSearchParams): URLSearchParams {
  const query = new URLSearchParams(params);
  for (const name of ['from', 'to']) {
    const hour = params.get(name);
    if (hour) query.set(name, String(Date.parse(`${hour.replace(' ', 'T')}:00Z`)));
  }
  return query;
}

/** The filters of the address. Drawn only when the address changes, so it does not undo what someone is typing. */
function Filters({ params }: { params: URLSearchParams }) {
  const { queues } = useSession();
  const value = (name: string) => params.get(name) ?? '';
  const select = (name: string, label: string, options: readonly string[]) => (
    <label>
      {label}
      <select name={name} value={value(name)}>
        <option value="">any</option>
        {options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    </label>
  );
  const input = (name: string, label: string, more: { pattern?: string; placeholder?: string } = {}) => (
    <label>
      {label}
      <input name={name} value={value(name)} {...more} />
    </label>
  );
  // A field of the browser would show its own clock, and its own order of month and day.
  const hour = { pattern: '\\d{4}-\\d\\d-\\d\\d \\d\\d', placeholder: '2026-01-31 23' };
  const shown = [...params].flatMap(([name, given]) => (['after', 'by'].includes(name) ? [] : `${name} ${given}`));
  return (
    <details>
      <summary>{`Filters${shown.length > 0 ? `: ${shown.join(', ')}` : ''}`}</summary>
      <form class="row" onSubmit={searched}>
        {['q', 'by', 'state'].map((name) => (
          <input key={name} type="hidden" name={name} value={value(name)} />
        ))}
        {select('queue', 'Queue', queues)}
        {select('reason', 'Reason', REASONS)}
        {select('vendor', 'Vendor', VENDORS)}
        {input('code', 'Error code')}
        {input('from', 'From (UTC hour)', hour)}
        {input('to', 'To (UTC hour)', hour)}
        {input('principal', 'Principal that owns the key')}
        <button type="submit">Filter</button>
      </form>
    </details>
  );
}

import type { ComponentChildren } from 'preact';
import { VENDORS } from '../../../lib/errors';
import { REASONS, STATES } from '../../../lib/jobs/states';
import type { FoundJobs, SearchBy } from '../jobs';
import { Failure, State, Table, Time, useAsk, useSession } from './parts';
import { addressOf, go, jobAddress, Link, usePlace } from './router';

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

/** Runs one search. Another search is another `Results`, so no job of the last one is shown. */
function Results({ query }: { query: string }) {
  const { data, error } = useAsk<FoundJobs>(`jobs?${toTimes(query)}`);
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
        />
      ) : null}
    </>
  );
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

const BY: Record<SearchBy, string> = {
  user: 'user id',
  email: 'email address',
  correlation: 'correlation id',
  ticket: 'Zendesk ticket',
  message: 'message id',
  group: 'message group',
};

/** The filters of the address. Drawn only when the address changes, so it does not undo what someone is typing. */
function Filters({ params }: { params: URLSearchParams }) {
  const { queues } = useSession();
  const value = (name: string) => params.get(name) ?? '';
  const select = (name: string, label: string, options: ComponentChildren, any = 'any') => (
    <label>
      {label}
      <select name={name} value={value(name)}>
        <option value="">{any}</option>
        {options}
      </select>
    </label>
  );
  const plain = (names: readonly string[]) => names.map((name) => <option key={name}>{name}</option>);
  const input = (name: string, label: string, more: { type?: 'datetime-local'; step?: number } = {}) => (
    <label>
      {label}
      <input name={name} value={value(name)} {...more} />
    </label>
  );
  const hour = { type: 'datetime-local', step: 3600 } as const;
  const searched = Object.entries(BY).map(([by, words]) => (
    <option key={by} value={by}>
      {words}
    </option>
  ));
  return (
    <search>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = [...new FormData(event.currentTarget)] as [string, string][];
          go(addressOf('/console/jobs', Object.fromEntries(fields)));
        }}
      >
        {select('by', 'Search for', searched, 'id of the job, or key of its caller')}
        <label class="wide">
          Value
          <input name="q" data-search value={value('q')} placeholder="Press / to come here" />
        </label>
        {input('principal', 'Principal that owns the key')}
        {select('queue', 'Queue', plain(queues))}
        {select('state', 'State', plain(STATES))}
        {select('reason', 'Reason', plain(REASONS))}
        {select('vendor', 'Vendor', plain(VENDORS))}
        {input('code', 'Error code')}
        {input('from', 'Accepted from (UTC)', hour)}
        {input('to', 'Accepted to (UTC)', hour)}
        <button type="submit">Search</button>
      </form>
    </search>
  );
}

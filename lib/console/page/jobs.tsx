import type { ComponentChildren } from 'preact';
import { VENDORS } from '../../errors';
import { REASONS, STATES } from '../../jobs/row';
import type { FoundJobs, SearchBy } from '../views';
import { Failure, State, Table, Time, useAsk, useSession } from './parts';
import { addressOf, go, jobAddress, Link, usePlace } from './router';

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
          head={['Job', 'Queue', 'State', 'Attempts', 'Accepted (UTC)', 'Next', 'Ended', 'Error']}
          rows={data.jobs.map(({ queue, id, state, attempts, accepted, next, ended, code }) => [
            `${queue} ${id}`,
            [
              <span class="id" key="id">
                <Link to={jobAddress(queue, id)}>{id}</Link>
              </span>,
              queue,
              <State key="state" state={state} />,
              attempts,
              <Time key="accepted" at={accepted} />,
              <Time key="next" at={next} />,
              <Time key="ended" at={ended} />,
              code,
            ],
          ])}
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
  email: 'e-mail',
  correlation: 'correlation id',
  ticket: 'Zendesk ticket',
  message: 'message id',
  group: 'message group',
};

/** The filters of the address. It is drawn only when the address changes, so it does not undo what someone is typing. */
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
  const hour = (name: string, label: string) => (
    <label>
      {label}
      <input name={name} type="datetime-local" step={3600} value={value(name)} />
    </label>
  );
  const searched = Object.entries(BY).map(([by, words]) => (
    <option key={by} value={by}>
      {words}
    </option>
  ));
  return (
    <search>
      <form
        class="filters"
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
        <label>
          Principal that owns the key
          <input name="principal" value={value('principal')} />
        </label>
        {select('queue', 'Queue', plain(queues))}
        {select('state', 'State', plain(STATES))}
        {select('reason', 'Reason', plain(REASONS))}
        {select('vendor', 'Vendor', plain(VENDORS))}
        <label>
          Error code
          <input name="code" value={value('code')} />
        </label>
        {hour('from', 'Accepted from (UTC)')}
        {hour('to', 'Accepted to (UTC)')}
        <button type="submit">Search</button>
      </form>
    </search>
  );
}

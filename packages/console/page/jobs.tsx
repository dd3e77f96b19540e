import { VENDORS } from '../../../lib/errors';
import { PUT_ASIDE, REASONS, STATES } from '../../../lib/jobs/states';
import type { DeadLetters, FoundJobs } from '../jobs';
import { All } from './action';
import { addressOf, jobAddress, param, params } from './api';
import { Answer, State, Table, Time, useSession } from './parts';

export const JobsPage = () => (
  <>
    <Filters />
    {params.q ? null : <All filter={params} />}
    <Results query={params} />
  </>
);

export const Results = ({ query }: { query: Partial<Record<string, string>> }) => (
  <Answer path={addressOf('jobs', query)}>
    {({ jobs, note, by, next }: FoundJobs) => (
      <>
        <p class="found" aria-live="polite">{`${jobs.length} ${jobs.length === 1 ? 'job' : 'jobs'}. ${note}`}</p>
        <Table
          label="Jobs"
          rows={jobs}
          id={({ queue, id }) => `${queue} ${id}`}
          columns={{
            Job: ({ queue, id }) => (
              <a class="id" href={jobAddress(queue, id)}>
                {id}
              </a>
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
            Queue: 'queue',
            State: 'state',
            Attempts: 'attempts',
            'Accepted (UTC)': 'accepted',
            Ended: 'ended',
            Error: 'code',
          }}
        />
        {next ? <a href={addressOf('/console/jobs', { ...query, by, after: next })}>Next page</a> : null}
      </>
    )}
  </Answer>
);

function Filters() {
  const { queues } = useSession();
  const select = (name: string, label: string, options: readonly string[]) => (
    <label>
      {label}
      <select name={name} value={param(name)}>
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
      <input name={name} defaultValue={param(name)} {...more} />
    </label>
  );
  // A field of the browser would show its own clock, and its own order of month and day.
  const hour = { pattern: '\\d{4}-\\d\\d-\\d\\dT\\d\\d', placeholder: '2026-01-31T23' };
  return (
    <form class="row">
      {['q', 'by'].map((name) => (
        <input key={name} type="hidden" name={name} value={param(name)} />
      ))}
      {select('state', 'State', [...STATES, ...PUT_ASIDE])}
      {select('queue', 'Queue', queues)}
      {select('reason', 'Reason', REASONS)}
      {select('vendor', 'Vendor', VENDORS)}
      {input('code', 'Error code')}
      {input('without', 'Succeeded without')}
      {input('from', 'From (UTC hour)', hour)}
      {input('to', 'To (UTC hour)', hour)}
      <button type="submit">Filter</button>
    </form>
  );
}

export const DeadPage = () => (
  <Answer path={addressOf('dead', { queue: param('queue') })} everyMs={10_000}>
    {({ groups, more }: DeadLetters) => (
      <>
        {more ? <p class="quiet">There are more than could be read, so the counts are at least these.</p> : null}
        <p>
          <a href="/console/jobs?state=discarded">Discarded</a> and <a href="/console/jobs?state=replaced">replaced</a>{' '}
          jobs are not among them.
        </p>
        <Table
          label="Dead jobs"
          none="No dead jobs."
          rows={groups}
          id={({ queue, reason, code }) => `${queue} ${reason} ${code}`}
          columns={{
            Jobs: ({ queue, reason, code, count }) => (
              <a href={addressOf('/console/jobs', { queue, state: 'dead', reason, code })}>
                {`${count}${more ? '+' : ''}`}
              </a>
            ),
            Queue: ({ queue }) => queue,
            Cause: ({ reason, code, messages }) => `${reason} ${code} ${messages.join('; ')}`,
            'Oldest (UTC)': ({ oldest }) => <Time at={oldest} />,
            'All of them': ({ queue, reason, code }) => <All filter={{ queue, state: 'dead', reason, code }} />,
          }}
        />
      </>
    )}
  </Answer>
);

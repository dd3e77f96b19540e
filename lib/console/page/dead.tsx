import type { DeadLetters } from '../views';
import { Command, Failure, Table, Time, useAsk } from './parts';
import { addressOf, go, jobAddress, Link, usePlace } from './router';
import { useSession } from './session';

/** Dead jobs by what killed them. */
export function DeadPage() {
  const { queues } = useSession();
  const { params } = usePlace();
  const queue = params.get('queue') ?? '';
  const { data, error } = useAsk<DeadLetters>(addressOf('dead', { queue }), 10_000);
  return (
    <>
      <label>
        Queue
        <select onChange={(event) => go(addressOf('/console/dead', { queue: event.currentTarget.value }))}>
          {['', ...queues].map((name) => (
            <option key={name} value={name} selected={name === queue}>
              {name || 'all'}
            </option>
          ))}
        </select>
      </label>
      <Failure error={error} />
      {data ? <Groups dead={data} /> : null}
    </>
  );
}

function Groups({ dead: { groups, more } }: { dead: DeadLetters }) {
  if (groups.length === 0) return <p>No dead jobs.</p>;
  return (
    <>
      {more ? <p class="hint">There are more than could be read, so the counts are at least these.</p> : null}
      <Table label="Dead jobs" head={['Jobs', 'Queue', 'Cause', 'Oldest (UTC)', 'All of them', 'Some of them']}>
        {groups.map(({ queue, reason, code, messages, count, oldest, ids, commands }) => (
          <tr key={`${queue} ${reason} ${code}`}>
            <td class="number">
              <Link to={addressOf('/console/jobs', { queue, state: 'dead', reason, code })}>
                {count}
                {more ? '+' : ''}
              </Link>
            </td>
            <td>{queue}</td>
            <td>
              {reason} <strong>{code}</strong> {messages.join('; ')}
            </td>
            <td>
              <Time at={oldest} />
            </td>
            <td>
              <details>
                <summary>Retry or discard all</summary>
                {commands.map((command) => (
                  <Command key={command} text={command} />
                ))}
              </details>
            </td>
            <td class="id">
              {ids.map((id) => (
                <Link key={id} to={jobAddress(queue, id)}>
                  {id.slice(-8)}
                </Link>
              ))}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

import type { DeadLetters } from '../views';
import { Command, Failure, Table, Time, useAsk, useSession } from './parts';
import { addressOf, go, jobAddress, Link, usePlace } from './router';

export function DeadPage() {
  const { queues } = useSession();
  const queue = usePlace().params.get('queue') ?? '';
  const { data, error } = useAsk<DeadLetters>(addressOf('dead', { queue }), 10_000);
  return (
    <>
      <label>
        Queue
        <select
          value={queue}
          onChange={(event) => go(addressOf('/console/dead', { queue: event.currentTarget.value }))}
        >
          <option value="">all</option>
          {queues.map((name) => (
            <option key={name}>{name}</option>
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
      <Table
        label="Dead jobs"
        head={['Jobs', 'Queue', 'Cause', 'Oldest (UTC)', 'All of them', 'Some of them']}
        rows={groups.map(({ queue, reason, code, messages, count, oldest, ids, commands }) => [
          `${queue} ${reason} ${code}`,
          [
            <Link key="jobs" to={addressOf('/console/jobs', { queue, state: 'dead', reason, code })}>
              {`${count}${more ? '+' : ''}`}
            </Link>,
            queue,
            `${reason} ${code} ${messages.join('; ')}`,
            <Time key="oldest" at={oldest} />,
            <details key="all">
              <summary>Retry or discard all</summary>
              {commands.map((command) => (
                <Command key={command} text={command} />
              ))}
            </details>,
            <span class="id" key="some">
              {ids.map((id) => (
                <Link key={id} to={jobAddress(queue, id)}>
                  {id.slice(-8)}
                </Link>
              ))}
            </span>,
          ],
        ])}
      />
    </>
  );
}

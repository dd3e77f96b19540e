import type { DeadLetters } from '../jobs';
import { Answer, Command, Table, Time, useSession } from './parts';
import { addressOf, go, jobAddress, Link, usePlace } from './router';

export function DeadPage() {
  const { queues } = useSession();
  const queue = usePlace().params.get('queue') ?? '';
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
      <Answer path={addressOf('dead', { queue })} everyMs={10_000}>
        {(dead: DeadLetters) => <Groups {...dead} />}
      </Answer>
    </>
  );
}

function Groups({ groups, more }: DeadLetters) {
  return (
    <>
      {more ? <p class="quiet">There are more than could be read, so the counts are at least these.</p> : null}
      <Table
        label="Dead jobs"
        none="No dead jobs."
        rows={groups}
        id={({ queue, reason, code }) => `${queue} ${reason} ${code}`}
        columns={{
          Jobs: ({ queue, reason, code, count }) => (
            <Link to={addressOf('/console/jobs', { queue, state: 'dead', reason, code })}>
              {`${count}${more ? '+' : ''}`}
            </Link>
          ),
          Queue: ({ queue }) => queue,
          Cause: ({ reason, code, messages }) => `${reason} ${code} ${messages.join('; ')}`,
          'Oldest (UTC)': ({ oldest }) => <Time at={oldest} />,
          'All of them': ({ commands }) => (
            <details>
              <summary>Retry or discard all</summary>
              {commands.map((command) => (
                <Command key={command} text={command} />
              ))}
            </details>
          ),
          'Some of them': ({ queue, ids }) => (
            <span class="id">
              {ids.map((id) => (
                <Link key={id} to={jobAddress(queue, id)}>
                  {id.slice(-8)}
                </Link>
              ))}
            </span>
          ),
        }}
      />
    </>
  );
}

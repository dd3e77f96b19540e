import type { DeadLetters } from '../jobs';
import { All } from './action';
import { addressOf, param } from './api';
import { Answer, Table, Time } from './parts';

export function DeadPage() {
  const queue = param('queue');
  return (
    <>
      {queue ? (
        <p>
          Of {queue}. <a href="/console/dead">Show all queues</a>
        </p>
      ) : null}
      <Answer path={addressOf('dead', { queue })} everyMs={10_000}>
        {({ groups, more, discarded }: DeadLetters) => (
          <>
            {more ? <p class="quiet">There are more than could be read, so the counts are at least these.</p> : null}
            {discarded > 0 ? (
              <p>
                <a href="/console/jobs?state=discarded">{`${discarded} discarded`}</a> dead jobs have no entry any more.
                Each can still be retried.
              </p>
            ) : null}
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
    </>
  );
}

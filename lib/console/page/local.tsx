import { useState } from 'preact/hooks';
import type { LocalPage as Page } from '../local-tools';
import { ask } from './api';
import { Failure, Table, useAsk, Waiting } from './parts';
import { jobAddress, Link } from './router';

const WORDS: Record<string, string> = {
  down: 'Down',
  slow: 'Slow',
  429: 'Ask to wait (429)',
  401: 'Refuse the key (401)',
  lost: 'Lose answers',
};

export function LocalPage() {
  const { data, error, reload } = useAsk<Page>('local', 2_000);
  const [open, setOpen] = useState<Page>();
  const [sent, setSent] = useState<{ queue: string; id: string }>();
  const [failure, setFailure] = useState<string>();
  if (!data) return <Waiting error={error} />;
  const post = <T,>(path: string, body: unknown, onDone: (answer: T) => void = () => {}) =>
    ask<T>(`local/${path}`, body)
      .then(onDone)
      .then(reload, (refused: Error) => setFailure(refused.message));
  return (
    <>
      <h2>Send a job</h2>
      <div class="buttons">
        {data.samples.map((sample) => (
          <button type="button" key={sample} onClick={() => post('send', { sample }, setSent)}>
            {sample}
          </button>
        ))}
      </div>
      <p role="status">
        {sent ? (
          <>
            Sent: <Link to={jobAddress(sent.queue, sent.id)}>{`${sent.queue} ${sent.id}`}</Link>
          </>
        ) : null}
      </p>
      <Failure error={failure ?? error} />
      <p>
        <button type="button" onClick={() => (open ? setOpen(undefined) : post('reveal', {}, setOpen))}>
          {open ? 'Mask addresses' : 'Show addresses'}
        </button>
      </p>
      {(open ?? data).vendors.map(({ name, breaks, tables }) => (
        <section key={name} aria-label={name}>
          <h2>{name}</h2>
          <div class="buttons">
            {data.breaks.map((how) => (
              <button
                type="button"
                key={how}
                aria-pressed={breaks.includes(how)}
                onClick={() => post('break', { vendor: name, how })}
              >
                {WORDS[how] ?? how}
              </button>
            ))}
            <button type="button" disabled={breaks.length === 0} onClick={() => post('break', { vendor: name })}>
              Recover
            </button>
          </div>
          {tables.map(({ name: what, head, rows }) =>
            rows.length === 0 ? (
              <p key={what}>{`No ${what} yet.`}</p>
            ) : (
              <Table
                key={what}
                label={`${name} ${what}`}
                head={head}
                rows={rows.map((cells) => [cells.join(' '), cells])}
              />
            ),
          )}
        </section>
      ))}
    </>
  );
}

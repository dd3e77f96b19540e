import { useState } from 'preact/hooks';
import type { LocalVendor } from '../local-tools';
import type { LocalPage as Page } from '../views';
import { ask } from './api';
import { Failure, Table, useAsk } from './parts';
import { jobAddress, Link } from './router';

const WORDS: Record<string, string> = {
  down: 'Down',
  slow: 'Slow',
  429: 'Ask to wait (429)',
  401: 'Refuse the key (401)',
  lost: 'Lose answers',
};

/** The fake vendors of the local service: what they took, and how they fail. */
export function LocalPage() {
  const { data, error, reload } = useAsk<Page>('local', 2_000);
  const [open, setOpen] = useState<Page>();
  const [sent, setSent] = useState<{ queue: string; id: string }>();
  const [failure, setFailure] = useState<string>();
  if (!data) return error ? <Failure error={error} /> : <p>Loading …</p>;
  const post = <T,>(path: string, body: unknown) =>
    ask<T>(`local/${path}`, body).then(
      (answer) => {
        reload();
        return answer;
      },
      (refused: Error) => {
        setFailure(refused.message);
        return undefined;
      },
    );
  const vendors = open?.vendors ?? data.vendors;
  return (
    <>
      <h2>Send a job</h2>
      <div class="buttons">
        {data.samples.map((sample) => (
          <button
            type="button"
            key={sample}
            onClick={() => post<{ queue: string; id: string }>('send', { sample }).then((job) => job && setSent(job))}
          >
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
        {open ? (
          <button type="button" onClick={() => setOpen(undefined)}>
            Mask addresses
          </button>
        ) : (
          <button type="button" onClick={() => post<Page>('reveal', {}).then(setOpen)}>
            Show addresses
          </button>
        )}
      </p>
      {vendors.map((vendor) => (
        <Vendor key={vendor.name} vendor={vendor} breaks={data.breaks} post={post} />
      ))}
    </>
  );
}

interface VendorProps {
  vendor: LocalVendor;
  breaks: readonly string[];
  post: (path: string, body: unknown) => Promise<unknown>;
}

function Vendor({ vendor: { name, breaks: now, tables }, breaks, post }: VendorProps) {
  return (
    <section aria-label={name}>
      <h2>{name}</h2>
      <div class="buttons">
        {breaks.map((how) => (
          <button
            type="button"
            key={how}
            aria-pressed={now.includes(how)}
            onClick={() => post('break', { vendor: name, how })}
          >
            {WORDS[how] ?? how}
          </button>
        ))}
        <button type="button" disabled={now.length === 0} onClick={() => post('break', { vendor: name, how: '' })}>
          Recover
        </button>
      </div>
      {tables.map(({ name: what, head, rows }) =>
        rows.length === 0 ? (
          <p key={what}>{`No ${what} yet.`}</p>
        ) : (
          <Table key={what} label={`${name} ${what}`} head={head}>
            {rows.map((cells) => (
              <tr key={cells.join(' ')}>
                {cells.map((cell, column) => (
                  <td key={head[column]}>{cell}</td>
                ))}
              </tr>
            ))}
          </Table>
        ),
      )}
    </section>
  );
}

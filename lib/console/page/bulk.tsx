import { useEffect, useState } from 'preact/hooks';
import type { BulkAsk, BulkPreview, BulkView } from '../views';
import { Action } from './action';
import { ask } from './api';
import { Command, Failure, Table, Time, useAsk } from './parts';
import { Question, Words } from './question';

const DEFAULT_PER_SECOND = 20;
const MOST_PER_SECOND = 100;
const CHANGED = 'console-bulk-changed';

interface Target {
  label: string;
  action: BulkAsk['action'];
  queue: string;
  /** For a cancel. */
  state?: BulkAsk['state'];
  reason: string;
  code: string;
}

/** A button that changes all jobs of a group. It first shows what it would touch. */
export function BulkButton(target: Target) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        {target.label}
      </button>
      {open ? <Asked target={target} close={() => setOpen(false)} /> : null}
    </>
  );
}

function Asked({
  target: { label, action, queue, state, reason, code },
  close,
}: {
  target: Target;
  close: () => void;
}) {
  const [perSecond, setPerSecond] = useState(DEFAULT_PER_SECOND);
  const [preview, setPreview] = useState<BulkPreview>();
  const [error, setError] = useState<string>();
  const [word, setWord] = useState({ reason: '', instance: '' });
  const asked: BulkAsk = { action, queue, state, reason: reason || undefined, code: code || undefined, perSecond };
  useEffect(() => {
    const abort = new AbortController();
    // Nothing can begin at the rate of an earlier preview.
    setPreview(undefined);
    setError(undefined);
    ask<BulkPreview>('bulk/preview', asked, abort.signal).then(setPreview, (failure: Error) => {
      if (!abort.signal.aborted) setError(failure.message);
    });
    return () => abort.abort();
  }, [perSecond]);
  const act = async () => {
    await ask('bulk/start', { preview: preview?.id ?? '', ...word });
    dispatchEvent(new Event(CHANGED));
  };
  return (
    <Question
      title={label}
      confirm={`${label} (${preview?.total ?? '…'})`}
      disabled={!preview || preview.total === 0}
      inputs={<Words needs={preview} {...{ word, setWord }} />}
      {...{ error, act, close }}
    >
      {preview ? (
        <>
          <ul>
            {preview.lines.map(({ queue: of, state: now, code: why, count }) => (
              <li key={`${of} ${now} ${why}`}>
                {count} {count === 1 ? 'job' : 'jobs'} of {of}: {now} {why ?? ''}
              </li>
            ))}
          </ul>
          {preview.command === undefined ? (
            <p>There are no such jobs.</p>
          ) : (
            <>
              <p>This command does the same:</p>
              <Command text={preview.command} />
            </>
          )}
        </>
      ) : (
        <p>Looking …</p>
      )}
      <label>
        Jobs a second, for the whole instance
        <input
          type="number"
          min={1}
          max={MOST_PER_SECOND}
          value={perSecond}
          onChange={(event) =>
            setPerSecond(Math.min(MOST_PER_SECOND, Math.max(1, event.currentTarget.valueAsNumber || 1)))
          }
        />
      </label>
    </Question>
  );
}

/** The last bulk actions, with their progress. They go on without the page. */
export function Bulks() {
  const { data = [], error, reload } = useAsk<BulkView[]>('bulk', 1_000);
  useEffect(() => {
    addEventListener(CHANGED, reload);
    return () => removeEventListener(CHANGED, reload);
  }, [reload]);
  if (data.length === 0) return <Failure error={error} />;
  return (
    <>
      <h2>Bulk actions</h2>
      <Failure error={error} />
      <Table label="Bulk actions" head={['Begun (UTC)', 'Action', 'Status', 'Progress', 'Refused', 'Unsure', 'Change']}>
        {data.map(({ id, at, action, status, next, total, done, refused, refusals, unsure, perSecond }) => (
          <tr key={id}>
            <td>
              <Time at={at} />
            </td>
            <td>
              {action}, {perSecond} a second
            </td>
            <td>{status}</td>
            <td>
              <progress aria-label="Jobs looked at" max={total} value={next} /> {done} of {total} done
            </td>
            <td title={refusals.join('\n')}>{refused}</td>
            <td>{unsure.length}</td>
            <td>
              <div class="buttons">
                {status === 'running' ? (
                  <Action label="Stop" action="bulk.stop" input={{ id }} onDone={reload} />
                ) : null}
                {status === 'done' ? null : (
                  <Action label="Continue" action="bulk.continue" input={{ id }} onDone={reload} />
                )}
              </div>
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

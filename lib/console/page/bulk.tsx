import { useEffect, useState } from 'preact/hooks';
import type { BulkAsk, BulkPreview, BulkView } from '../views';
import { ask } from './api';
import { Command, Failure, Table, Time, useAsk } from './parts';
import { Question } from './question';
import { useSession } from './session';

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
  const [word, setWord] = useState<Word>({ reason: '', instance: '' });
  const asked: BulkAsk = { action, queue, state, reason: reason || undefined, code: code || undefined, perSecond };
  useEffect(() => {
    ask<BulkPreview>('bulk/preview', { ask: asked }).then(setPreview, (failure: Error) => setError(failure.message));
  }, [perSecond]);
  const act = async () => {
    await ask('bulk/start', { ask: asked, jobs: preview?.jobs ?? '', ...word });
    dispatchEvent(new Event(CHANGED));
  };
  return (
    <Question
      title={label}
      confirm={`${label} (${preview?.total ?? '…'})`}
      disabled={!preview || preview.total === 0}
      inputs={<Words word={word} setWord={setWord} />}
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

/** What production asks of an operator. */
interface Word {
  reason: string;
  instance: string;
}

function Words({ word, setWord }: { word: Word; setWord: (word: Word) => void }) {
  const { production, instance } = useSession();
  return (
    <>
      <label>
        Reason{production ? '' : ' (optional)'}
        <input
          value={word.reason}
          maxLength={200}
          onInput={(event) => setWord({ ...word, reason: event.currentTarget.value })}
        />
      </label>
      {production ? (
        <label>
          This changes {instance} in production. Type {instance} to continue
          <input
            value={word.instance}
            autocomplete="off"
            onInput={(event) => setWord({ ...word, instance: event.currentTarget.value })}
          />
        </label>
      ) : null}
    </>
  );
}

/** The last bulk actions, with their progress. They go on without the page. */
export function Bulks() {
  const { write } = useSession();
  const { data = [], error, reload } = useAsk<BulkView[]>('bulk', 1_000);
  const [failure, setFailure] = useState<string>();
  const [word, setWord] = useState<Word>({ reason: '', instance: '' });
  useEffect(() => {
    addEventListener(CHANGED, reload);
    return () => removeEventListener(CHANGED, reload);
  }, [reload]);
  if (data.length === 0) return <Failure error={error} />;
  const post = (path: string, body: object) =>
    ask(`bulk/${path}`, body).then(
      () => {
        setFailure(undefined);
        reload();
      },
      (refused: Error) => setFailure(refused.message),
    );
  const canContinue = data.some(({ status }) => status !== 'done');
  return (
    <>
      <h2>Bulk actions</h2>
      <Failure error={failure ?? error} />
      {write && canContinue ? <Words word={word} setWord={setWord} /> : null}
      <Table label="Bulk actions" head={['Begun (UTC)', 'Action', 'Status', 'Progress', 'Refused', 'Unsure', '']}>
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
                {write && status === 'running' ? (
                  <button type="button" onClick={() => post('stop', { id })}>
                    Stop
                  </button>
                ) : null}
                {write && status !== 'done' ? (
                  <button type="button" onClick={() => post('continue', { id, ...word })}>
                    Continue
                  </button>
                ) : null}
              </div>
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

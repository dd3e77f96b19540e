import { useEffect, useRef, useState } from 'preact/hooks';
import type { SimpleAction } from '../../../lib/ops/act';
import type { Preview } from '../actions';
import { Command, Failure, tellDone, useSend, useSession } from './parts';

interface ActionProps {
  label: string;
  action: string;
  input: unknown;
}

export function Action({ disabled = false, ...asked }: ActionProps & { disabled?: boolean }) {
  // The question stays what it was when it was opened, whatever changes below it.
  const [open, setOpen] = useState<ActionProps>();
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => setOpen(asked)}>
        {asked.label}
      </button>
      {open ? <Question {...open} close={() => setOpen(undefined)} /> : null}
    </>
  );
}

/** A console that only reads shows the same, without the button that acts. */
function Question({ label, action, input, close }: ActionProps & { close: () => void }) {
  const { instance, write } = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [preview, setPreview] = useState<Preview>();
  const [reason, setReason] = useState('');
  const { send, busy, failure } = useSend();
  const [stop] = useState(() => new AbortController());
  useEffect(() => {
    dialog.current?.showModal();
    void send('preview', { action, input }, setPreview);
  }, []);
  const act = (event: Event) => {
    event.preventDefault();
    if (!ready) return;
    const did = ({ done }: { done: string }) => {
      tellDone(done);
      dialog.current?.close();
    };
    void send('act', { action, input, reason }, did, stop.signal);
  };
  const ready = preview && !busy && !(preview.needsReason && reason.trim() === '');
  const closed = () => {
    stop.abort();
    close();
  };
  return (
    <dialog ref={dialog} onClose={closed} aria-labelledby="question">
      <form onSubmit={act}>
        <h2 id="question">{label}</h2>
        <p class="lines">{preview?.question ?? (failure ? '' : 'One moment …')}</p>
        {preview ? (
          <>
            <p>
              On <strong>{instance}</strong>. This command does the same:
            </p>
            <Command text={preview.command} />
          </>
        ) : null}
        {write ? (
          <label>
            Reason ({preview?.needsReason === false ? 'optional' : 'required'})
            <input autofocus value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} />
          </label>
        ) : (
          <p>This console only reads. Run the command, or start the console with --write.</p>
        )}
        <Failure error={failure} />
        <div class="row">
          {write ? (
            <button type="submit" class={preview?.danger ? 'danger' : ''} disabled={!ready}>
              {label}
            </button>
          ) : null}
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Resends, retries, discards or cancels all jobs of a filter, as far as that is possible in their state. */
export function All({ filter }: { filter: Partial<Record<string, string>> }) {
  const fitting = Object.entries(OF_ALL).filter(([, { states }]) => states.includes(filter.state ?? ''));
  return (
    <div class="row">
      {fitting.map(([act, { label }]) => (
        <Action key={act} label={label} action={`jobs.${act}`} input={filter} />
      ))}
    </div>
  );
}

const OF_ALL: Record<SimpleAction, { label: string; states: string[] }> = {
  resend: { label: 'Send all mails', states: ['succeeded'] },
  retry: { label: 'Retry all', states: ['dead', 'cancelled'] },
  discard: { label: 'Discard all', states: ['dead'] },
  cancel: { label: 'Cancel all', states: ['queued', 'held'] },
};

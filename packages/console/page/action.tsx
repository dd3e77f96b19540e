import { useEffect, useRef, useState } from 'preact/hooks';
import type { Preview } from '../actions';
import { ask } from './api';
import { Command, Failure, tellDone, useSession } from './parts';

interface ActionProps {
  label: string;
  action: string;
  input: unknown;
}

export function Action({ disabled = false, ...asked }: ActionProps & { disabled?: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => setOpen(true)}>
        {asked.label}
      </button>
      {open ? <Question {...asked} close={() => setOpen(false)} /> : null}
    </>
  );
}

/** A console that only reads shows the same, without the button that acts. */
function Question({ label, action, input, close }: ActionProps & { close: () => void }) {
  const { instance, write } = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [preview, setPreview] = useState<Preview>();
  const [reason, setReason] = useState('');
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    dialog.current?.showModal();
    ask<Preview>('preview', { action, input }).then(setPreview, (refused: Error) => setFailure(refused.message));
  }, []);
  const act = () => {
    setBusy(true);
    setFailure(undefined);
    return ask<{ done: string }>('act', { action, input, reason })
      .then(
        ({ done }) => {
          tellDone(done);
          dialog.current?.close();
        },
        (refused: Error) => setFailure(refused.message),
      )
      .finally(() => setBusy(false));
  };
  const lacksReason = preview?.needsReason && reason.trim() === '';
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="question">
      <h2 id="question">{label}</h2>
      <p>{preview?.question ?? 'One moment …'}</p>
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
          Reason{preview?.needsReason === false ? ' (optional)' : ''}
          <input value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
      ) : (
        <p>This console only reads. Run the command, or start the console with --write.</p>
      )}
      <Failure error={failure} />
      <div class="row">
        {write ? (
          <button type="button" class="danger" disabled={!preview || lacksReason || busy} onClick={act}>
            {label}
          </button>
        ) : null}
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Preview } from '../actions';
import { ask } from './api';
import { Command, Failure } from './parts';
import { useSession } from './session';

interface ActionProps {
  /** The words on the button. */
  label: string;
  action: string;
  input: unknown;
  /** Called when it is done. */
  onDone?: ((done: string) => void) | undefined;
  disabled?: boolean;
}

/** A button that asks first, and shows the command that does the same. */
export function Action({ label, action, input, onDone, disabled = false }: ActionProps) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => setOpen(true)}>
        {label}
      </button>
      {open ? <Question {...{ label, action, input, onDone }} close={() => setOpen(false)} /> : null}
    </>
  );
}

function Question({ label, action, input, onDone, close }: Omit<ActionProps, 'disabled'> & { close: () => void }) {
  const { write, instance } = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [preview, setPreview] = useState<Preview>();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    dialog.current?.showModal();
    ask<Preview>('preview', { action, input }).then(setPreview, (failure: Error) => setError(failure.message));
  }, []);
  const run = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const { done } = await ask<{ done: string }>('act', { action, input, reason });
      close();
      onDone?.(done);
    } catch (failure) {
      setError((failure as Error).message);
    } finally {
      setBusy(false);
    }
  };
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
      <Failure error={error} />
      <div class="buttons">
        {write ? (
          <button
            type="button"
            class="danger"
            disabled={!preview || busy || (preview.needsReason && reason.trim() === '')}
            onClick={run}
          >
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

import { useEffect, useState } from 'preact/hooks';
import type { Preview } from '../actions';
import { ask } from './api';
import { Command } from './parts';
import { Question, Words } from './question';
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
      {open ? <Asked {...{ label, action, input, onDone }} close={() => setOpen(false)} /> : null}
    </>
  );
}

function Asked({ label, action, input, onDone, close }: Omit<ActionProps, 'disabled'> & { close: () => void }) {
  const { instance } = useSession();
  const [preview, setPreview] = useState<Preview>();
  const [word, setWord] = useState({ reason: '' });
  const [error, setError] = useState<string>();
  useEffect(() => {
    ask<Preview>('preview', { action, input }).then(setPreview, (failure: Error) => setError(failure.message));
  }, []);
  const act = async () => {
    const { done } = await ask<{ done: string }>('act', { action, input, ...word });
    onDone?.(done);
  };
  return (
    <Question
      title={label}
      confirm={label}
      disabled={!preview || (preview.needsReason && word.reason.trim() === '')}
      inputs={<Words needs={preview} {...{ word, setWord }} />}
      {...{ error, act, close }}
    >
      <p>{preview?.question ?? 'One moment …'}</p>
      {preview ? (
        <>
          <p>
            On <strong>{instance}</strong>. This command does the same:
          </p>
          <Command text={preview.command} />
        </>
      ) : null}
    </Question>
  );
}

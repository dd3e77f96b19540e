import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Needs, Word } from '../word';
import { Failure } from './parts';
import { useSession } from './session';

interface QuestionProps {
  title: string;
  /** What would happen. */
  children: ComponentChildren;
  /** The inputs that only an operator who may act needs. */
  inputs: ComponentChildren;
  /** Why the question cannot be asked. */
  error: string | undefined;
  /** The words of the button that acts. */
  confirm: string;
  disabled: boolean;
  /** Does it. A rejection is shown, and the question stays open. */
  act: () => Promise<void>;
  close: () => void;
}

/** The inputs for what an operator says before an action. */
export function Words({
  needs,
  word,
  setWord,
}: {
  needs: Needs | undefined;
  word: Word;
  setWord: (word: Word) => void;
}) {
  return (
    <>
      <label>
        Reason{needs?.needsReason === false ? ' (optional)' : ''}
        <input
          value={word.reason}
          maxLength={200}
          onInput={(event) => setWord({ ...word, reason: event.currentTarget.value })}
        />
      </label>
    </>
  );
}

/** Asks before an action. A console that only reads shows the same, without the button that acts. */
export function Question({ title, children, inputs, error, confirm, disabled, act, close }: QuestionProps) {
  const { write } = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const run = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await act();
      dialog.current?.close();
    } catch (refused) {
      setFailure((refused as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="question">
      <h2 id="question">{title}</h2>
      {children}
      {write ? inputs : <p>This console only reads. Run the command, or start the console with --write.</p>}
      <Failure error={failure ?? error} />
      <div class="buttons">
        {write ? (
          <button type="button" class="danger" disabled={disabled || busy} onClick={run}>
            {confirm}
          </button>
        ) : null}
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}

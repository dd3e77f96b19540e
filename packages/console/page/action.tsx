import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { SimpleAction } from '../../../lib/operate/ops/act';
import type { Preview } from '../actions';
import { type Params, tellDone, useSend, useSession } from './api';
import { Command, Failure } from './parts';
import { capital } from './text';

interface ActionProps {
  label: string;
  action: string;
  input: object;
  /** What an operator fills in besides the reason, as text. */
  fields?: readonly Record<'name' | 'label' | 'value', string>[];
  /** What the button shows, where the page says the rest. `label` begins with it. */
  short?: string;
  tone?: string;
}

export function Action(asked: ActionProps) {
  // The question stays what it was when it was opened, whatever changes below it.
  const [open, setOpen] = useState<ActionProps>();
  const { label, short = label, tone = '' } = asked;
  return (
    <>
      <button type="button" class={tone} aria-label={label} onClick={() => setOpen(asked)}>
        {short}
      </button>
      {open && <Question {...open} close={() => setOpen(undefined)} />}
    </>
  );
}

/** A console that only reads shows the same, without the button that acts. */
function Question({ label, action, input, fields = [], close }: ActionProps & { close: () => void }) {
  const { write } = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [preview, setPreview] = useState<Preview>();
  const [reason, setReason] = useState('');
  const [filled, setFilled] = useState(Object.fromEntries(fields.map(({ name, value }) => [name, value])));
  const { send, busy, failure } = useSend();
  const [stop] = useState(() => new AbortController());
  const asked = { action, input: { ...input, ...filled } };
  useLayoutEffect(() => dialog.current?.showModal(), []);
  useLayoutEffect(() => {
    setPreview(undefined);
    void send('preview', asked, setPreview);
  }, [filled]);
  const act = (event: Event) => {
    event.preventDefault();
    const did = ({ done }: { done: string }) => {
      dialog.current?.close();
      tellDone(done);
    };
    if (ready) void send('act', { ...asked, reason }, did, stop.signal);
  };
  const ready = preview && !busy && !(preview.needsReason && reason.trim() === '');
  const closed = () => {
    stop.abort();
    close();
  };
  return (
    <dialog ref={dialog} onClose={closed} aria-labelledby="question">
      <form class="stack" onSubmit={act}>
        <h2 id="question">{label}</h2>
        <p class="lines">{preview?.question ?? (failure ? '' : 'One moment …')}</p>
        {fields.map(({ name, label: of, value }) => (
          <label key={name}>
            {of}
            <input defaultValue={value} onChange={(e) => setFilled({ ...filled, [name]: e.currentTarget.value })} />
          </label>
        ))}
        {preview && <SameCommand text={preview.command} />}
        <Reason given={reason} needed={preview?.needsReason !== false} onGiven={setReason} />
        <Failure error={failure} />
        <div class="row">
          <button type="button" class="plain push" onClick={() => dialog.current?.close()}>
            Close
          </button>
          {write ? (
            <button type="submit" class={`primary ${preview?.danger ? 'danger' : ''}`} disabled={!ready}>
              {label}
            </button>
          ) : null}
        </div>
      </form>
    </dialog>
  );
}

const SameCommand = ({ text }: { text: string }) => (
  <>
    <p class="quiet">
      On <strong>{useSession().instance}</strong>. This command does the same:
    </p>
    <Command text={text} />
  </>
);

interface ReasonProps {
  given: string;
  needed: boolean;
  onGiven: (reason: string) => void;
}

function Reason({ given, needed, onGiven }: ReasonProps) {
  if (!useSession().write) return <p>This console only reads. Run the command, or start the console with --write.</p>;
  return (
    <label>
      Reason ({needed ? 'required' : 'optional'})
      <input autofocus value={given} maxLength={200} onInput={(event) => onGiven(event.currentTarget.value)} />
    </label>
  );
}

/** Acts on jobs, each with the states of which all jobs of a filter may be acted on. */
const ACTS: Record<SimpleAction, readonly string[]> = {
  resend: ['succeeded'],
  retry: ['dead', 'cancelled'],
  discard: ['dead'],
  cancel: ['queued', 'held'],
};
const NAMES = Object.keys(ACTS) as SimpleAction[];

interface ActsProps {
  can: readonly string[];
  inputOf: (act: SimpleAction) => object;
  of?: (act: SimpleAction) => string;
  usual?: string;
}

/** A button for each act that is possible. `of`: the jobs that it is about, if not one. */
export const Acts = ({ can, inputOf, of, usual = '' }: ActsProps) =>
  NAMES.filter((act) => can.includes(act)).map((act) => {
    const name = act === 'resend' ? (of ? 'Send mail of' : 'Send its mail') : capital(act);
    return (
      <Action
        key={act}
        label={of ? `${name} ${of(act)}` : name}
        action={`${of ? 'jobs' : 'job'}.${act}`}
        input={inputOf(act)}
        tone={act === 'cancel' || act === 'discard' ? 'danger' : usual}
      />
    );
  });

/** Acts on all jobs of a filter, as far as that is possible in their state. */
export const All = ({ filter }: { filter: Params }) => (
  <Acts can={NAMES.filter((act) => ACTS[act].includes(filter.state ?? ''))} inputOf={() => filter} of={() => 'all'} />
);

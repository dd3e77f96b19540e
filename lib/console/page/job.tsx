import { useState } from 'preact/hooks';
import type { JobAction } from '../../ops/explain';
import type { Span } from '../../ops/timeline';
import type { JobPage as Page, Revealed } from '../views';
import { Action } from './action';
import { ask } from './api';
import { duration, Facts, Failure, Json, Scroll, State, Table, useAsk, useSession, Waiting } from './parts';
import { addressOf, usePlace } from './router';

/** One job: why it is where it is, what happened to it, and what can be done. */
export function JobPage() {
  const { params } = usePlace();
  const [queue, id] = [params.get('queue') ?? '', params.get('id') ?? ''];
  // Another job is another component, so nothing of one is shown or sent as the other's.
  return <One queue={queue} id={id} key={`${queue} ${id}`} />;
}

function One({ queue, id }: { queue: string; id: string }) {
  const { data, error, reload } = useAsk<Page>(addressOf('job', { queue, id }), 5_000);
  const [done, setDone] = useState<string>();
  const acted = (text: string) => {
    setDone(text);
    reload();
  };
  if (!data) return <Waiting error={error} />;
  const { state, explained, timeline, job, row } = data;
  const steps = Object.entries(job.steps);
  return (
    <>
      <p class="id">
        {job.queue} {job.id} <State state={state} />
      </p>
      <p class="explained">
        {explained.sentence} <strong>{explained.next}</strong>
      </p>
      <Failure error={error} />
      <p role="status">{done}</p>
      <Actions page={data} onDone={acted} />
      <h2>Timeline</h2>
      <Waterfall spans={timeline} />
      {job.error ? (
        <>
          <h2>Error</h2>
          <Facts facts={textsOf(job.error)} />
        </>
      ) : null}
      {steps.length > 0 ? (
        <>
          <h2>Steps</h2>
          <Table
            label="Steps"
            head={['Step', 'Status', 'What the vendor answered']}
            rows={steps.map(([name, { status, result }]) => [
              name,
              [name, status, <Result key="of" result={result} />],
            ])}
          />
        </>
      ) : null}
      <h2>Facts</h2>
      <Facts facts={textsOf(job)} />
      <Data queue={job.queue} id={job.id} {...explained} onDone={acted} />
      <Json label="Record as JSON" value={job} />
      <Json label="Row as JSON" value={row} />
    </>
  );
}

const Result = ({ result }: { result: unknown }) => (
  <span class="id">{result === undefined ? '' : JSON.stringify(result)}</span>
);

/** The fields that are not lists or objects themselves. */
const textsOf = (fields: object): (readonly [string, string])[] =>
  Object.entries(fields).flatMap(([name, value]) => (Object(value) === value ? [] : [[name, String(value)] as const]));

const LABELS: Partial<Record<JobAction, string>> = { retry: 'Retry', cancel: 'Cancel', discard: 'Discard' };

function Actions({ page: { job, explained }, onDone }: { page: Page; onDone: (done: string) => void }) {
  const input = { queue: job.queue, id: job.id };
  const unknown = Object.entries(job.steps).filter(([, { status }]) => status === 'unknown');
  return (
    <div class="buttons">
      {explained.actions.map((action) => {
        const label = LABELS[action];
        if (label) return <Action key={action} label={label} action={`job.${action}`} input={input} onDone={onDone} />;
        if (action !== 'settle') return null;
        return unknown.flatMap(([step]) =>
          (['done', 'skipped'] as const).map((as) => (
            <Action
              key={step + as}
              label={`${step}: ${as}`}
              action="job.settle"
              input={{ ...input, step, as }}
              onDone={onDone}
            />
          )),
        );
      })}
    </div>
  );
}

/** A bar for each span, over the time from the first to the last. */
function Waterfall({ spans }: { spans: readonly Span[] }) {
  const from = Math.min(...spans.map((span) => span.from));
  const to = Math.max(...spans.map((span) => span.to ?? Date.now()), from + 1);
  const percent = (ms: number) => `${(100 * ms) / (to - from)}%`;
  return (
    <ol class="waterfall">
      {spans.map((span) => {
        const end = span.to ?? to;
        return (
          <li key={`${span.from} ${span.label}`}>
            <span class="label">
              {span.label}
              {span.note ? <small> {span.note}</small> : null}
            </span>
            <span class="bar" aria-hidden="true">
              <span class={span.kind} style={{ left: percent(span.from - from), width: percent(end - span.from) }} />
            </span>
            <span class="number">
              {span.to === span.from ? `+${duration(span.from - from)}` : duration(end - span.from)}
              {span.to === undefined ? ' …' : ''}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** What the job was sent with. It is masked until someone asks, and each look is logged. */
function Data({
  queue,
  id,
  actions,
  notEditable,
  onDone,
}: {
  queue: string;
  id: string;
  actions: JobAction[];
  notEditable?: string;
  onDone: (done: string) => void;
}) {
  const { write } = useSession();
  const editable = actions.includes('edit');
  const { data: shape, error } = useAsk<Revealed>(addressOf('data', { queue, id }));
  const [shown, setShown] = useState<string>();
  const [failure, setFailure] = useState<string>();
  if (!shape) return error ? <p class="hint">{error}</p> : null;
  const parsed = parse(shown);
  const reveal = () =>
    ask<Revealed>('reveal', { queue, id }).then(
      ({ data }) => setShown(JSON.stringify(data, null, 2)),
      (refused: Error) => setFailure(refused.message),
    );
  return (
    <>
      <h2>Data</h2>
      {notEditable ? <p class="hint">{notEditable}</p> : null}
      {shown === undefined ? (
        <>
          <Scroll label="Data, masked">
            <pre>{JSON.stringify(shape.data, null, 2)}</pre>
          </Scroll>
          <button type="button" onClick={reveal}>
            Show personal data
          </button>{' '}
          <span class="hint">This look is logged.</span>
        </>
      ) : (
        <>
          <label class="wide">
            {editable ? 'Edit, then send it again as a new job' : 'Data'}
            <textarea
              rows={14}
              spellcheck={false}
              readOnly={!editable}
              value={shown}
              onInput={(event) => setShown(event.currentTarget.value)}
            />
          </label>
          {editable && write ? (
            <Action
              label="Send with this data"
              action="job.edit"
              input={{ queue, id, data: parsed }}
              disabled={parsed === undefined}
              onDone={onDone}
            />
          ) : null}
          {parsed === undefined ? <p class="hint">This is not JSON.</p> : null}
        </>
      )}
      <Failure error={failure} />
    </>
  );
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

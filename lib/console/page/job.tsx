import { useState } from 'preact/hooks';
import type { JobAction } from '../../ops/explain';
import type { Span } from '../../ops/timeline';
import type { JobPage as Page, Revealed } from '../views';
import { Action } from './action';
import { ask } from './api';
import { duration, Failure, Json, Scroll, State, Table, useAsk } from './parts';
import { addressOf, usePlace } from './router';
import { useSession } from './session';

/** One job: why it is where it is, what happened to it, and what can be done. */
export function JobPage() {
  const { params } = usePlace();
  const [queue, id] = [params.get('queue') ?? '', params.get('id') ?? ''];
  // Another job is another component, so nothing of one is shown or sent as the other's.
  return <One queue={queue} id={id} key={`${queue} ${id}`} />;
}

function One({ queue, id }: { queue: string; id: string }) {
  const { data: job, error, reload } = useAsk<Page>(addressOf('job', { queue, id }), 5_000);
  const [done, setDone] = useState<string>();
  const acted = (text: string) => {
    setDone(text);
    reload();
  };
  if (!job) return error ? <Failure error={error} /> : <p>Loading …</p>;
  return (
    <>
      <p class="id">
        {job.queue} {job.id} <State state={job.state} />
      </p>
      <p class="explained">
        {job.explained.sentence} <strong>{job.explained.next}</strong>
      </p>
      <Failure error={error} />
      <p role="status">{done}</p>
      <Actions job={job} onDone={acted} />
      <h2>Timeline</h2>
      <Waterfall spans={job.timeline} />
      {job.error ? (
        <>
          <h2>Error</h2>
          <dl>
            {Object.entries(job.error).map(([name, value]) => (
              <Fact key={name} name={name} value={String(value)} />
            ))}
          </dl>
        </>
      ) : null}
      {job.steps.length > 0 ? (
        <>
          <h2>Steps</h2>
          <Table label="Steps" head={['Step', 'Status', 'What the vendor answered']}>
            {job.steps.map(({ name, status, result }) => (
              <tr key={name}>
                <td>{name}</td>
                <td>{status}</td>
                <td class="id">{result}</td>
              </tr>
            ))}
          </Table>
        </>
      ) : null}
      <h2>Facts</h2>
      <dl>
        {job.facts.map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
      </dl>
      <Data queue={job.queue} id={job.id} {...job.explained} onDone={acted} />
      <Json label="Record as JSON" value={job.record} />
      <Json label="Row as JSON" value={job.row} />
    </>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

const LABELS: Partial<Record<JobAction, string>> = { retry: 'Retry', cancel: 'Cancel', discard: 'Discard' };

function Actions({ job, onDone }: { job: Page; onDone: (done: string) => void }) {
  const input = { queue: job.queue, id: job.id };
  const unknown = job.steps.filter(({ status }) => status === 'unknown');
  return (
    <div class="buttons">
      {job.explained.actions.map((action) => {
        const label = LABELS[action];
        if (label) return <Action key={action} label={label} action={`job.${action}`} input={input} onDone={onDone} />;
        if (action !== 'settle') return null;
        return unknown.flatMap(({ name: step }) =>
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

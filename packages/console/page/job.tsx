import { useState } from 'preact/hooks';
import type { JobAction } from '../../../lib/ops/act';
import type { Span } from '../explain';
import type { JobPage as Page } from '../jobs';
import { Action } from './action';
import { ask } from './api';
import { Answer, duration, Facts, Failure, Json, State, Table, useAsk, useSession } from './parts';
import { addressOf, usePlace } from './router';

export function JobPage() {
  const { params } = usePlace();
  const [queue, id] = [params.get('queue') ?? '', params.get('id') ?? ''];
  // Another job is another component, so nothing of one is shown or sent as the other's.
  return (
    <Answer key={`${queue} ${id}`} path={addressOf('job', { queue, id })} everyMs={5_000}>
      {(page: Page) => <One {...page} />}
    </Answer>
  );
}

function One({ state, explained, timeline, job, row }: Page) {
  const steps = Object.entries(job.steps);
  return (
    <>
      <p class="id">
        {job.queue} {job.id} <State state={state} />
      </p>
      <p class="explained">
        {explained.sentence} <strong>{explained.next}</strong>
      </p>
      <Actions job={job} actions={explained.actions} />
      <h2>Timeline</h2>
      <Waterfall spans={timeline} />
      {job.error ? <h2>Error</h2> : null}
      {job.error ? <Facts facts={job.error} /> : null}
      {steps.length > 0 ? (
        <>
          <h2>Steps</h2>
          <Table
            label="Steps"
            rows={steps}
            id={([name]) => name}
            columns={{
              Step: ([name]) => name,
              Status: ([, { status }]) => status,
              'What the vendor answered': ([, { result }]) => <span class="id">{JSON.stringify(result)}</span>,
            }}
          />
        </>
      ) : null}
      <h2>Facts</h2>
      <Facts facts={job} />
      <Data queue={job.queue} id={job.id} {...explained} />
      {Object.entries({ 'Record as JSON': job, 'Row as JSON': row }).map(([label, value]) => (
        <details key={label}>
          <summary>{label}</summary>
          <Json label={label} value={value} />
        </details>
      ))}
    </>
  );
}

const LABELS: Partial<Record<JobAction, string>> = { retry: 'Retry', cancel: 'Cancel', discard: 'Discard' };

function Actions({ job: { queue, id, steps }, actions }: Pick<Page, 'job'> & { actions: readonly JobAction[] }) {
  const unknown = Object.keys(steps).filter((step) => steps[step]?.status === 'unknown');
  const settled = unknown.flatMap((step) => (['done', 'skipped'] as const).map((as) => ({ step, as })));
  return (
    <div class="row">
      {actions.map((action) => {
        const label = LABELS[action];
        return label ? <Action key={action} label={label} action={`job.${action}`} input={{ queue, id }} /> : null;
      })}
      {(actions.includes('settle') ? settled : []).map(({ step, as }) => (
        <Action key={step + as} label={`${step}: ${as}`} action="job.settle" input={{ queue, id, step, as }} />
      ))}
    </div>
  );
}

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
            <span>
              {span.label} <small>{span.note}</small>
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

/** What the job was sent with, masked until someone asks. Each request for it is in the audit. */
function Data({ queue, id, actions, notReplaceable }: { queue: string; id: string } & Page['explained']) {
  const { write } = useSession();
  const replaceable = actions.includes('replace');
  const { data: shape, error } = useAsk<{ data: unknown }>(addressOf('data', { queue, id }));
  const [shown, setShown] = useState<string>();
  const [failure, setFailure] = useState<string>();
  if (!shape) return error ? <p class="quiet">{error}</p> : null;
  const parsed = parse(shown);
  const reveal = () =>
    ask<{ data: unknown }>('reveal', { queue, id }).then(
      ({ data }) => setShown(JSON.stringify(data, null, 2)),
      (refused: Error) => setFailure(refused.message),
    );
  return (
    <>
      <h2>Data</h2>
      {notReplaceable ? <p class="quiet">{notReplaceable}</p> : null}
      {shown === undefined ? (
        <>
          <Json label="Data, masked" value={shape.data} />
          <button type="button" onClick={reveal}>
            Show personal data
          </button>{' '}
          <span class="quiet">An audit object will say that you saw it.</span>
        </>
      ) : (
        <>
          <label class="wide">
            {replaceable ? 'Edit, then send it again as a new job' : 'Data'}
            <textarea
              rows={14}
              spellcheck={false}
              readOnly={!replaceable}
              value={shown}
              onInput={(event) => setShown(event.currentTarget.value)}
            />
          </label>
          {replaceable && write ? (
            <Action
              label="Send with this data"
              action="job.replace"
              input={{ queue, id, data: parsed }}
              disabled={parsed === undefined}
            />
          ) : null}
          {parsed === undefined ? <p class="quiet">This is not JSON.</p> : null}
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

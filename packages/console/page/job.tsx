import { useState } from 'preact/hooks';
import type { JobAction } from '../../../lib/ops/act';
import type { JobPage as Page } from '../jobs';
import { Action } from './action';
import { addressOf, params } from './api';
import { Answer, duration, Facts, Failure, Json, State, Table, useAsk, useSend, useSession } from './parts';

export const JobPage = () => (
  <Answer path={addressOf('job', params)} everyMs={5_000}>
    {(page: Page) => <One {...page} />}
  </Answer>
);

function One({ state, explained, timeline, job }: Page) {
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
      <Timeline spans={timeline} />
      {job.error ? <h2>Error</h2> : null}
      {job.error ? <Facts facts={job.error} /> : null}
      {steps.length > 0 ? <h2>Steps</h2> : null}
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
      <h2>Facts</h2>
      <Facts facts={job} />
      <Data queue={job.queue} id={job.id} {...explained} />
      <details>
        <summary>Record as JSON</summary>
        <Json label="Record as JSON" value={job} />
      </details>
    </>
  );
}

const LABELS: Partial<Record<JobAction, string>> = {
  resend: 'Send its mail',
  ...{ retry: 'Retry', cancel: 'Cancel', discard: 'Discard' },
};

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

function Timeline({ spans }: { spans: Page['timeline'] }) {
  const from = Math.min(...spans.map((span) => span.from));
  const to = Math.max(...spans.map((span) => span.to ?? Date.now()), from + 1);
  const percent = (ms: number) => `${(100 * ms) / (to - from)}%`;
  return (
    <Table
      label="Timeline"
      rows={spans}
      id={(span) => `${span.from} ${span.label}`}
      columns={{
        What: ({ label, note }) => (
          <>
            {label} <small>{note}</small>
          </>
        ),
        When: (span) => (
          <svg class="bar" aria-hidden="true">
            <rect
              x={percent(span.from - from)}
              height="100%"
              style={{ width: `max(3px, ${percent((span.to ?? to) - span.from)})` }}
            />
          </svg>
        ),
        Time: (span) =>
          `${span.to === span.from ? `+${duration(span.from - from)}` : duration((span.to ?? to) - span.from)}${span.to === undefined ? ' …' : ''}`,
      }}
    />
  );
}

/** What the job was sent with, masked until someone asks. Each request for it is in the audit. */
function Data({ queue, id, actions, notReplaceable }: { queue: string; id: string } & Page['explained']) {
  const { write } = useSession();
  const replaceable = actions.includes('replace');
  const { data: shape, error } = useAsk<{ data: unknown }>(addressOf('data', { queue, id }));
  const [shown, setShown] = useState<string>();
  const { send, failure } = useSend();
  if (!shape) return error ? <p class="quiet">{error}</p> : null;
  const parsed = parse(shown);
  const reveal = () =>
    send('reveal', { queue, id }, ({ data }: { data: unknown }) => setShown(JSON.stringify(data, null, 2)));
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
          <label>
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

import { useState } from 'preact/hooks';
import type { JobAction } from '../../../lib/operate/ops/act';
import type { Span } from '../explain';
import type { JobPage as Page } from '../jobs';
import { Action, Acts } from './action';
import { addressOf, jobAddress, param, params, useAsk, useSend, useSession } from './api';
import { Strip } from './chart';
import { Answer, Card, Facts, Failure, IconButton, idLink, jobLink, State, Text, Time, Title } from './parts';
import { away, duration, shortId } from './text';

export const JobPage = () => (
  <>
    <nav class="row quiet" aria-label="Way back">
      <a href="/console/jobs">Jobs</a>
      {param('queue') && idLink('/console/jobs', { queue: param('queue') }, param('queue'))}
    </nav>
    <Answer path={addressOf('job', params())} everyMs={5_000} show={One} />
  </>
);

/** The answer first: why the job is where it is, and what to do. */
const One = (page: Page) => (
  <>
    <Title text={`${page.job.queue} ${shortId(page.job.id)}`}>
      <State state={page.state} />
      <p class="quiet">
        accepted {away(page.line.accepted)}, at <Time at={page.line.accepted} /> UTC
      </p>
    </Title>
    <div class="with-side">
      <div class="stack">
        <section class={`card ${toneOf(page.state)}`} aria-label="State">
          <Said {...page} />
        </section>
        {page.timeline.length > 0 && (
          <Card title="Timeline" note={<small class="push">{lengthsOf(page.timeline)}</small>}>
            <Life spans={page.timeline} />
            <Trace spans={page.timeline} />
          </Card>
        )}
      </div>
      <div class="stack">
        <Card title="Facts">
          <JobFacts {...page} />
          <details class="body">
            <summary>Record as JSON</summary>
            <Text label="Record as JSON" of={page.job} />
          </details>
        </Card>
        <Siblings {...page} />
        <Data {...page} />
      </div>
    </div>
  </>
);

const toneOf = (state: string): string =>
  state.startsWith('dead') ? 'problem needs-you' : state.startsWith('held') ? 'problem' : '';

/** A job beside the list of jobs. */
export const JobPanel = ({ queue, id, close }: { queue: string; id: string; close: () => void }) => (
  <aside class="panel" aria-label="Job">
    <Answer
      path={addressOf('job', { queue, id })}
      show={(page: Page) => (
        <section class="card brief" aria-label={`${queue} ${id}`}>
          <header class="row">
            <h2>
              {queue} <span class="mono quiet">{shortId(id)}</span>
            </h2>
            <State state={page.state} />
            <IconButton icon="close" label="Close the job" act={close} />
          </header>
          <Said {...page} />
          <Trace spans={page.timeline} />
          <JobFacts {...page} />
          <p class="body">
            <a class="button" href={jobAddress(queue, id)}>
              Open the job
            </a>
          </p>
        </section>
      )}
    />
  </aside>
);

const Said = ({ explained, job: { queue, id, replacedBy, steps } }: Page) => (
  <>
    <p class="body answer">{explained.sentence}</p>
    <div class="next stack">
      <p>{explained.next}</p>
      <div class="row">
        {answersOf(explained.actions, steps).map(({ step, as }) => (
          <Action key={step + as} label={`${step}: ${as}`} action="job.settle" input={{ queue, id, step, as }} />
        ))}
        <Acts can={explained.actions} inputOf={() => ({ queue, id })} usual="primary" />
        {replacedBy && jobLink(queue, replacedBy, 'Show that job')}
      </div>
    </div>
  </>
);

/** What an operator can say of each unknown step. */
function answersOf(actions: readonly JobAction[], steps: Page['job']['steps']) {
  const unknown = actions.includes('settle') ? Object.keys(steps).filter((of) => steps[of]?.status === 'unknown') : [];
  return unknown.flatMap((step) => (['done', 'skipped'] as const).map((as) => ({ step, as })));
}

type Spans = readonly Span[];
const endOf = (spans: Spans): number => Math.max(...spans.map(({ from, to }) => to ?? Math.max(from, Date.now())));

function lengthsOf(spans: Spans): string {
  const runs = spans.filter(({ part }) => part === 'run');
  const work = runs.reduce((total, { from, to = Date.now() }) => total + to - from, 0);
  return `${duration(endOf(spans) - (spans[0]?.from ?? 0))} in all, ${duration(work)} of work`;
}

/** The whole life of the job at true scale. */
function Life({ spans }: { spans: Spans }) {
  const end = endOf(spans);
  const parts = spans.flatMap(({ label, part, from, to = end }) =>
    part === 'step' ? [] : { name: `${from} ${label}`, value: to - from, tone: `fill-${part}` },
  );
  return (
    <figure class="body lifeline">
      <Strip parts={parts} />
      <div class="x">
        <Time at={spans[0]?.from} short />
        <Time at={end} short />
      </div>
    </figure>
  );
}

/** Each run with its steps at its own scale. */
function Trace({ spans }: { spans: Spans }) {
  const end = endOf(spans);
  return (
    <ol class="trace">
      {spans.map((span) => (
        <li key={`${span.from} ${span.label}`} class={span.part}>
          <Time at={span.from} short />
          <span class="what">
            <strong>{span.label}</strong>
            <small>
              {span.note} <Made {...span} />
            </small>
          </span>
          <Lane {...span} end={end} />
          <span class="num">
            {span.to !== span.from && duration((span.to ?? end) - span.from)}
            {span.to === undefined && ' …'}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** A run, or a step as a part of its run. */
function Lane({ part, failed, from, run, end, to = end }: Span & { end: number }) {
  const of = part === 'run' ? { from, to } : run;
  const percent = (ms: number) => `${of ? (100 * ms) / Math.max(1, (of.to ?? end) - of.from) : 0}%`;
  const style = { marginLeft: percent(from - (of?.from ?? from)), width: percent(to - from) };
  return (
    <div class="lane" aria-hidden="true">
      {of && <i class={failed ? 'fill-wait' : `fill-${part}`} style={style} />}
    </div>
  );
}

/** What a vendor answered, in short: ids and counts. A ticket leads to Zendesk. */
function Made({ label, made = [] }: Span) {
  const { tickets } = useSession();
  return made.map(([name, value]) =>
    label === 'ticket' && name === 'id' && tickets ? (
      <a key={name} href={`${tickets}${value}`} target="_blank" rel="noreferrer">
        ticket {value}
      </a>
    ) : (
      `${name} ${value} `
    ),
  );
}

function JobFacts({ line, job, group, state }: Page) {
  const { error, parent, queue } = job;
  return (
    <Facts
      facts={{
        Kind: line.type,
        State: state,
        Error: error && [error.code, error.vendor, error.status, error.field].filter(Boolean).join(' · '),
        Who: line.who && <span class="mono">{line.who}</span>,
        Attempts: line.attempts,
        Took: line.took === undefined ? undefined : duration(line.took),
        Next: line.next && away(line.next),
        'Left out': line.leftOut,
        Correlation: line.correlation && idLink('/console/jobs', { q: line.correlation }, line.correlation),
        Group: group && idLink('/console/jobs', { queue, group }, shortId(group)),
        Campaign: parent && idLink('/console/campaigns', { id: parent }, shortId(parent)),
        'Job id': <span class="mono">{job.id}</span>,
      }}
    />
  );
}

const Siblings = ({ siblings: { jobs, more }, job, group }: Page) =>
  jobs.length < 2 ? null : (
    <Card title="Same group" note={<small>in order of acceptance</small>}>
      <ul class="list">
        {jobs.map(({ queue, id, state, accepted }) => (
          <li key={id} class="row">
            {id === job.id ? <strong aria-current="true">this job</strong> : jobLink(queue, id)}
            <State state={state} />
            <span class="push quiet">
              <Time at={accepted} short />
            </span>
          </li>
        ))}
        {more && <li>{idLink('/console/jobs', { queue: job.queue, group }, 'All of them')}</li>}
      </ul>
    </Card>
  );

/** What the job was sent with, masked until someone asks. Each request for it is in the audit. */
function Data({ job: { queue, id }, explained: { actions, notReplaceable } }: Page) {
  const { write } = useSession();
  const replaceable = actions.includes('replace');
  const { data: shape, error } = useAsk<{ data: unknown }>(addressOf('data', { queue, id }));
  const [shown, setShown] = useState<string>();
  const { send, failure } = useSend();
  const data = parse(shown);
  const reveal = () =>
    send('reveal', { queue, id }, ({ data }: { data: unknown }) => setShown(JSON.stringify(data, null, 2)));
  return (
    <Card title="Data">
      <div class="body stack">
        {shape && shown === undefined && (
          <>
            <p class="quiet">An audit object will say that you saw it.</p>
            <button type="button" onClick={reveal}>
              Show personal data
            </button>
            <details>
              <summary>Its form, without personal data</summary>
              <Text label="Data, masked" of={shape.data} />
            </details>
          </>
        )}
        {shown !== undefined && (
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
        )}
        {data !== undefined && replaceable && write && (
          <Action label="Send with this data" action="job.replace" input={{ queue, id, data }} />
        )}
        <p class="quiet">
          {shown !== undefined && data === undefined ? 'This is not JSON.' : (error ?? notReplaceable)}
        </p>
        <Failure error={failure} />
      </div>
    </Card>
  );
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

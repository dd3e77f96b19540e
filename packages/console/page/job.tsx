import { useState } from 'preact/hooks';
import type { JobAction } from '../../../lib/ops/act';
import type { JobPage as Page } from '../jobs';
import { Action, Acts } from './action';
import { addressOf, jobAddress, param, params } from './api';
import {
  Answer,
  away,
  Card,
  duration,
  Facts,
  Failure,
  Icon,
  Json,
  State,
  shortId,
  Time,
  Title,
  useAsk,
  useSend,
  useSession,
} from './parts';

export const JobPage = () => (
  <>
    <nav class="row quiet" aria-label="Way back">
      <a href="/console/jobs">Jobs</a>
      {param('queue') ? <a href={addressOf('/console/jobs', { queue: param('queue') })}>{param('queue')}</a> : null}
    </nav>
    <Answer path={addressOf('job', params())} everyMs={5_000}>
      {(page: Page) => <One {...page} />}
    </Answer>
  </>
);

function One(page: Page) {
  const { state, timeline, job, line } = page;
  return (
    <>
      <Title text={`${job.queue} ${shortId(job.id)}`}>
        <State state={state} />
        <p class="quiet">
          accepted {away(line.accepted)}, at <Time at={line.accepted} /> UTC
        </p>
      </Title>
      <div class="with-side">
        <div class="stack">
          <Reply {...page} />
          <Card title="Timeline" note={<Whole spans={timeline} />}>
            <Life spans={timeline} />
            <Trace {...page} />
          </Card>
        </div>
        <div class="stack">
          <Card title="Facts">
            <JobFacts {...page} />
            <details class="body">
              <summary>Record as JSON</summary>
              <Json label="Record as JSON" value={job} />
            </details>
          </Card>
          <Siblings {...page} />
          <Data queue={job.queue} id={job.id} {...page.explained} />
        </div>
      </div>
    </>
  );
}

/** A job beside the list of jobs. */
export const JobPanel = ({ queue, id, close }: { queue: string; id: string; close: () => void }) => (
  <aside class="panel" aria-label="Job">
    <Answer path={addressOf('job', { queue, id })}>
      {(page: Page) => (
        <section class="card brief" aria-label={`${queue} ${id}`}>
          <header class="row">
            <h2>
              {queue} <span class="mono quiet">{shortId(id)}</span>
            </h2>
            <State state={page.state} />
            <button type="button" class="plain push" aria-label="Close the job" onClick={close}>
              <Icon name="close" />
            </button>
          </header>
          <Said {...page} />
          <Trace {...page} />
          <JobFacts {...page} />
          <p class="body">
            <a class="button" href={jobAddress(queue, id)}>
              Open the job
            </a>
          </p>
        </section>
      )}
    </Answer>
  </aside>
);

const Said = ({ explained, job }: Page) => (
  <>
    <p class="body answer">{explained.sentence}</p>
    <div class="next stack">
      <p>{explained.next}</p>
      <div class="row">
        <Actions job={job} actions={explained.actions} />
        {job.replacedBy ? (
          <a class="button" href={jobAddress(job.queue, job.replacedBy)}>
            Show that job
          </a>
        ) : null}
      </div>
    </div>
  </>
);

/** The answer first: why the job is where it is, and what to do. */
const Reply = (page: Page) => (
  <section
    class={`card ${page.state.startsWith('dead') ? 'problem needs-you' : page.state.startsWith('held') ? 'problem' : ''}`}
    aria-label="State"
  >
    <Said {...page} />
  </section>
);

function Actions({ job: { queue, id, steps }, actions }: Pick<Page, 'job'> & { actions: readonly JobAction[] }) {
  const unknown = Object.keys(steps).filter((step) => steps[step]?.status === 'unknown');
  const settled = unknown.flatMap((step) => (['done', 'skipped'] as const).map((as) => ({ step, as })));
  return (
    <>
      {(actions.includes('settle') ? settled : []).map(({ step, as }) => (
        <Action
          key={step + as}
          label={`${step}: ${as}`}
          action="job.settle"
          input={{ queue, id, step, as }}
          tone={as === 'done' ? 'primary' : ''}
        />
      ))}
      <Acts can={actions} inputOf={() => ({ queue, id })} usual="primary" />
    </>
  );
}

type Spans = Page['timeline'];
const endOf = (spans: Spans): number => Math.max(...spans.map(({ from, to }) => to ?? Math.max(from, Date.now())));

function Whole({ spans }: { spans: Spans }) {
  const work = spans
    .filter(({ part }) => part === 'run')
    .reduce((total, { from, to }) => total + (to ?? Date.now()) - from, 0);
  const whole = endOf(spans) - Math.min(...spans.map(({ from }) => from));
  return <small class="push">{`${duration(whole)} in all, ${duration(work)} of work`}</small>;
}

const FILLS: Record<Spans[number]['part'], string> = {
  run: 'fill-info',
  step: 'fill-good',
  wait: 'fill-held',
  good: 'fill-good',
  bad: 'fill-bad',
  rest: 'fill-idle',
};

/** The whole life of the job at true scale. */
function Life({ spans }: { spans: Spans }) {
  const entries = spans.filter(({ part }) => part !== 'step');
  const [first, to] = [entries[0]?.from ?? 0, endOf(spans)];
  const percent = (ms: number) => (100 * ms) / Math.max(1, to - first);
  return (
    <figure class="body lifeline">
      <svg class="life" aria-hidden="true">
        {entries.map((span) => (
          <rect
            key={`${span.from} ${span.label}`}
            class={FILLS[span.part]}
            x={`${Math.min(99.3, percent(span.from - first))}%`}
            width={`${Math.max(0.7, percent((span.to ?? to) - span.from))}%`}
            height="10"
            rx="2"
          />
        ))}
      </svg>
      <div class="x">
        <Time at={first} short />
        <Time at={to} short />
      </div>
    </figure>
  );
}

const shorter = (label: string): string => label.replace(/^step /, '');

/** Each run with its steps at its own scale. */
function Trace({ timeline, job }: Page) {
  const ended = endOf(timeline);
  let run: Spans[number] | undefined;
  return (
    <ol class="trace">
      {timeline.map((span) => {
        if (span.part !== 'step') run = span.part === 'run' ? span : undefined;
        const of = run ?? span;
        const long = Math.max(1, (of.to ?? ended) - of.from);
        const to = span.to ?? ended;
        const isBar = span.part === 'run' || (span.part === 'step' && run !== undefined);
        const failed = span.part === 'step' && !/^(done|started$)/.test(span.note ?? '');
        return (
          <li key={`${span.from} ${span.label}`} class={`${span.part === 'step' ? 'step' : ''}`}>
            <div class={span.part === 'wait' ? 'wait' : ''}>
              <Time at={span.from} short />
              <span class="what">
                <strong>{shorter(span.label)}</strong>
                <small>
                  {span.note} {span.part === 'step' ? resultOf(job.steps[shorter(span.label)]?.result) : ''}
                </small>
              </span>
              <svg class="lane" aria-hidden="true">
                {isBar ? (
                  <>
                    <rect class="fill-track" width="100%" height="2" y="3" />
                    <rect
                      class={failed ? 'fill-held' : FILLS[span.part]}
                      x={`${(100 * (span.from - of.from)) / long}%`}
                      width={`${Math.max(0.6, Math.min(100, (100 * (to - span.from)) / long))}%`}
                      height={span.part === 'run' ? 3 : 8}
                      y={span.part === 'run' ? 2 : 0}
                    />
                  </>
                ) : null}
              </svg>
              <span class="num">
                {span.to === span.from ? '' : `${duration(to - span.from)}${span.to === undefined ? ' …' : ''}`}
              </span>
            </div>
          </li>
        );
      })}
    </ol>
  );
}

/** What a vendor answered, in short: ids and counts. */
const resultOf = (result: unknown): string =>
  Object.entries(Object(result) as object)
    .filter(([, value]) => Object(value) !== value)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

function JobFacts({ line, job, group, state }: Page) {
  const { error } = job;
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
        Correlation: line.correlation && (
          <a class="mono" href={addressOf('/console/jobs', { q: line.correlation })}>
            {line.correlation}
          </a>
        ),
        Group: group && (
          <a class="mono" href={addressOf('/console/jobs', { queue: job.queue, group })}>
            {shortId(group)}
          </a>
        ),
        Campaign: job.campaign && (
          <a class="mono" href={addressOf('/console/campaigns', { id: job.campaign })}>
            {shortId(job.campaign)}
          </a>
        ),
        'Job id': <span class="mono">{job.id}</span>,
      }}
    />
  );
}

function Siblings({ siblings: { jobs, more }, job, group }: Page) {
  if (jobs.length < 2) return null;
  return (
    <Card title="Same group" note={<small>in order of acceptance</small>}>
      <ul class="list">
        {jobs.map(({ queue, id, state, accepted }) => (
          <li key={id} class="row">
            {id === job.id ? (
              <strong class="mono" aria-current="true">
                {shortId(id)}
              </strong>
            ) : (
              <a class="mono" href={jobAddress(queue, id)}>
                {shortId(id)}
              </a>
            )}
            <State state={state} />
            <span class="push quiet">
              <Time at={accepted} short />
            </span>
          </li>
        ))}
        {more ? (
          <li>
            <a href={addressOf('/console/jobs', { queue: job.queue, group })}>All of them</a>
          </li>
        ) : null}
      </ul>
    </Card>
  );
}

/** What the job was sent with, masked until someone asks. Each request for it is in the audit. */
function Data({ queue, id, actions, notReplaceable }: { queue: string; id: string } & Page['explained']) {
  const { write } = useSession();
  const replaceable = actions.includes('replace');
  const { data: shape, error } = useAsk<{ data: unknown }>(addressOf('data', { queue, id }));
  const [shown, setShown] = useState<string>();
  const { send, failure } = useSend();
  const parsed = parse(shown);
  const reveal = () =>
    send('reveal', { queue, id }, ({ data }: { data: unknown }) => setShown(JSON.stringify(data, null, 2)));
  return (
    <Card title="Data">
      <div class="body stack">
        {error ? <p class="quiet">{error}</p> : null}
        {shape && shown === undefined ? (
          <>
            <p class="quiet">An audit object will say that you saw it.</p>
            <button type="button" onClick={reveal}>
              Show personal data
            </button>
            <details>
              <summary>Its form, without personal data</summary>
              <Json label="Data, masked" value={shape.data} />
            </details>
          </>
        ) : null}
        {shown === undefined ? null : (
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
        {notReplaceable && !error ? <p class="quiet">{notReplaceable}</p> : null}
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

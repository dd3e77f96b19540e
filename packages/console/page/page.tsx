import { type FunctionComponent, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Session } from '../api';
import { AnalyticsPage } from './analytics';
import { param } from './api';
import { CampaignsPage } from './campaigns';
import { JobPage } from './job';
import { DeadPage, JobsPage } from './jobs';
import { LocalPage } from './local';
import { OverviewPage, QueuePage } from './overview';
import { Answer, DONE, Facts, SessionContext } from './parts';

const PAGES: Record<string, { title: string; page: FunctionComponent }> = {
  '/': { title: 'Overview', page: OverviewPage },
  '/console/queue': { title: 'Queue', page: QueuePage },
  '/console/jobs': { title: 'Jobs', page: JobsPage },
  '/console/job': { title: 'Job', page: JobPage },
  '/console/dead': { title: 'Dead letters', page: DeadPage },
  '/console/campaigns': { title: 'Campaigns', page: CampaignsPage },
  '/console/analytics': { title: 'Analytics', page: AnalyticsPage },
  '/console/local': { title: 'Fake vendors', page: LocalPage },
};

function Frame({ session }: { session: Session }) {
  const path = location.pathname;
  const { title, page: Page } = PAGES[path] ?? { title: 'Not found', page: () => <p>There is no such page.</p> };
  document.title = `${title} · ${session.instance}`;
  const shown = Object.entries(PAGES).filter(
    ([to]) =>
      !['/console/job', '/console/queue'].includes(to) &&
      (session.local || to !== '/console/local') &&
      (session.queues.includes('analytics') || to !== '/console/analytics'),
  );
  return (
    <SessionContext.Provider value={session}>
      <div class={session.production ? 'frame production' : 'frame'}>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header>
          <p>
            <strong>{session.instance}</strong> {session.production ? <span class="live">production</span> : null}
            {session.local ? ' · the service on this machine' : ` · ${session.stage} · ${session.region}`}
            {session.write ? '' : ' · read-only'}
          </p>
          <nav class="row" aria-label="Pages">
            {shown.map(([to, { title: name }]) => (
              <a key={to} href={to} aria-current={to === path ? 'page' : undefined}>
                {name}
              </a>
            ))}
          </nav>
          <search>
            <form class="row" action="/console/jobs">
              <label class="wide">
                Search
                <input name="q" defaultValue={param('q')} placeholder="Id, part of an id, address, user or ticket" />
              </label>
              <button type="submit">Search</button>
            </form>
          </search>
          <details>
            <summary>Keys</summary>
            <Facts facts={KEYS} />
          </details>
        </header>
        <main id="main">
          <h1>{title}</h1>
          <Done />
          <Page />
        </main>
      </div>
    </SessionContext.Provider>
  );
}

function Done() {
  const [text, setText] = useState('');
  useEffect(() => {
    addEventListener(DONE, (event) => setText((event as CustomEvent<string>).detail));
  }, []);
  return (
    <p role="status" class="lines">
      {text}
    </p>
  );
}

const KEYS = {
  '/': 'goes to the search',
  '?': 'shows these keys',
  Enter: 'searches, or confirms a question',
  Esc: 'closes a question, and does nothing',
};

addEventListener('keydown', (event) => {
  const typing = (event.target as HTMLElement).closest('input, textarea, select, dialog');
  if (typing || event.ctrlKey || event.metaKey) return;
  if (event.key === '?') document.querySelector('header details')?.toggleAttribute('open');
  if (event.key !== '/') return;
  event.preventDefault();
  document.querySelector<HTMLElement>('search input')?.focus();
});

render(
  <Answer path="session">{(session: Session) => <Frame session={session} />}</Answer>,
  document.getElementById('app') as HTMLElement,
);

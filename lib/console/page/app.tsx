import { type FunctionComponent, render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Session } from '../views';
import { takeToken } from './api';
import { CampaignsPage } from './campaigns';
import { DeadPage } from './dead';
import { JobPage } from './job';
import { JobsPage } from './jobs';
import { LocalPage } from './local';
import { OverviewPage } from './overview';
import { SessionContext, useAsk, Waiting } from './parts';
import { Link, usePlace } from './router';

takeToken();

const PAGES: Record<string, { title: string; page: FunctionComponent }> = {
  '/': { title: 'Overview', page: OverviewPage },
  '/console/jobs': { title: 'Jobs', page: JobsPage },
  '/console/job': { title: 'Job', page: JobPage },
  '/console/dead': { title: 'Dead letters', page: DeadPage },
  '/console/campaigns': { title: 'Campaigns', page: CampaignsPage },
  '/console/local': { title: 'Fake vendors', page: LocalPage },
};

function App() {
  const { data: session, error } = useAsk<Session>('session');
  return session ? <Frame session={session} /> : <Waiting error={error} />;
}

function Frame({ session }: { session: Session }) {
  const { path } = usePlace();
  const { title, page: Page } = PAGES[path] ?? { title: 'Not found', page: () => <p>There is no such page.</p> };
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${title} · ${session.instance}`;
    // A screen reader hears the new page. The first one is read anyway.
    if (!first.current) heading.current?.focus();
    first.current = false;
  }, [title, session.instance]);
  useSearchKey();
  const shown = Object.entries(PAGES).filter(
    ([to]) => to !== '/console/job' && (session.local || to !== '/console/local'),
  );
  return (
    <SessionContext.Provider value={session}>
      <div class={session.production ? 'frame production' : 'frame'}>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header>
          <p class="deployment">
            <strong>{session.instance}</strong> {session.production ? <span class="live">production</span> : null}
            {session.local ? ' · the service on this machine' : ` · ${session.stage} · ${session.region}`}
            {session.write ? '' : ' · read-only'}
          </p>
          <nav aria-label="Pages">
            {shown.map(([to, { title: name }]) => (
              <Link key={to} to={to} current={to === path}>
                {name}
              </Link>
            ))}
          </nav>
        </header>
        <main id="main">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          <Page key={path} />
        </main>
      </div>
    </SessionContext.Provider>
  );
}

/** The key / goes to the field that searches, unless someone types. */
function useSearchKey(): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const typing = (event.target as HTMLElement).closest('input, textarea, select, dialog');
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      document.querySelector<HTMLElement>('[data-search]')?.focus();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}

render(<App />, document.getElementById('app') as HTMLElement);

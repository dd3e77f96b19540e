import { type FunctionComponent, render } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Session } from '../api';
import { AnalyticsPage } from './analytics';
import { askEarly, DONE, param, SessionContext } from './api';
import { CampaignsPage } from './campaigns';
import { JobPage } from './job';
import { DeadPage, JobsPage } from './jobs';
import { LocalPage } from './local';
import { Health, OverviewPage } from './overview';
import { Answer, Empty, Facts, Icon, IconButton, isTyping, Title, WELL } from './parts';
import { PeoplePage } from './people';

/** `under`: the page of the navigation that it belongs to. */
const PAGES: Record<string, { title: string; page: FunctionComponent; under?: string }> = {
  '/': { title: 'Overview', page: OverviewPage },
  '/console/jobs': { title: 'Jobs', page: JobsPage },
  '/console/job': { title: 'Job', page: JobPage, under: '/console/jobs' },
  '/console/dead': { title: 'Dead letters', page: DeadPage },
  '/console/campaigns': { title: 'Campaigns', page: CampaignsPage },
  '/console/analytics': { title: 'Analytics', page: AnalyticsPage },
  '/console/people': { title: 'People', page: PeoplePage },
  '/console/local': { title: 'Fake vendors', page: LocalPage },
};

const NotFound = () => (
  <>
    <Title text="Not found" />
    <Empty what="There is no such page.">The navigation on top has all pages.</Empty>
  </>
);

const pathShown = (): string => (location.pathname === '/console' ? '/' : location.pathname);

function Frame({ session }: { session: Session }) {
  const [address, setAddress] = useState(location.href);
  const [done, setDone] = useState('');
  const main = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    addEventListener(DONE, (event) => setDone((event as CustomEvent<string>).detail));
    const moved = async () => {
      setAddress(location.href);
      setDone('');
      main.current?.focus({ preventScroll: true });
    };
    // Links and forms that lead to a page of the console change what is shown. Older browsers load the page.
    window.navigation?.addEventListener('navigate', (event) => {
      const { canIntercept, hashChange, navigationType, destination } = event;
      const isPage = new URL(destination.url).pathname in PAGES;
      if (canIntercept && isPage && !hashChange && navigationType !== 'reload')
        event.intercept({ focusReset: 'manual', handler: moved });
    });
  }, []);
  const path = pathShown();
  const { page: Page, under } = PAGES[path] ?? { page: NotFound, under: '' };
  return (
    <SessionContext.Provider value={session}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header session={session} shown={under ?? path} />
      <main id="main" class="page" ref={main} tabIndex={-1}>
        <Page key={address} />
      </main>
      <Done text={done} close={() => setDone('')} />
    </SessionContext.Provider>
  );
}

function Header({ session, shown: at }: { session: Session; shown: string }) {
  const { instance, production, local, stage, region, write, queues } = session;
  const shown = Object.entries(PAGES).filter(
    ([to, page]) =>
      page.under === undefined &&
      (local || to !== '/console/local') &&
      (queues.includes('analytics') || to !== '/console/analytics'),
  );
  return (
    <header class={production ? 'shell production' : 'shell'}>
      <a class="brand row" href="/" title={local ? 'the service on this machine' : `${stage}, ${region}`}>
        <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
          <rect width="18" height="18" rx="4" />
          <path d="M4.5 6h9M4.5 9h6M4.5 12h3" />
        </svg>
        {instance}
      </a>
      <span class="env">
        {production ? <strong>production</strong> : local ? 'this machine' : stage}
        {write ? ' · changes on' : ' · read-only'}
      </span>
      <nav aria-label="Pages">
        {shown.map(([to, { title }]) => (
          <a key={to} href={to} aria-current={to === at ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <search>
        <form action="/console/jobs">
          <Icon name="search" />
          <input
            key={location.search}
            name="q"
            aria-label="Search"
            defaultValue={param('q')}
            placeholder="Job, address, user, ticket"
          />
          <kbd>/</kbd>
        </form>
      </search>
      <Health asks={at !== '/'} />
    </header>
  );
}

/** What has just been done. It goes with the next page, or a click. */
const Done = ({ text, close }: { text: string; close: () => void }) => (
  <div role="status" class={text && 'toast row'}>
    {text && (
      <>
        {WELL}
        <p class="lines">{text}</p>
        <IconButton icon="close" label="Close this note" act={close} />
      </>
    )}
  </div>
);

const KEYS = {
  '/': 'goes to the search',
  'j and k': 'go to the next and the previous job of a list',
  x: 'selects the job, or no longer',
  Enter: 'opens the job, searches, or confirms a question',
  Esc: 'closes a question, and does nothing',
  '?': 'shows these keys',
};

function Keys() {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    addEventListener('keydown', (event) => {
      if (isTyping(event)) return;
      if (event.key === '?') dialog.current?.showModal();
      if (event.key !== '/') return;
      event.preventDefault();
      document.querySelector<HTMLElement>('search input')?.focus();
    });
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="keys">
      <form class="stack" method="dialog">
        <h2 id="keys">Keys</h2>
        <Facts facts={KEYS} />
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}

// An address names only what is filled in.
addEventListener('formdata', ({ formData }) => {
  for (const [name, value] of [...formData]) if (value === '') formData.delete(name);
});

if (pathShown() === '/') askEarly('overview');
render(
  <>
    <Answer path="session" show={(session: Session) => <Frame session={session} />} />
    <Keys />
  </>,
  document.getElementById('app') as HTMLElement,
);

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const MOVED = 'console-moved';
/** The address. Its parameters hold the filters. */
const here = () => ({ path: location.pathname, params: new URLSearchParams(location.search) });

export function go(address: string): void {
  history.pushState(null, '', address);
  dispatchEvent(new Event(MOVED));
}

export function usePlace() {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const moved = () => setPlace(here());
    addEventListener('popstate', moved);
    addEventListener(MOVED, moved);
    return () => {
      removeEventListener('popstate', moved);
      removeEventListener(MOVED, moved);
    };
  }, []);
  return place;
}

export function addressOf(path: string, params: Record<string, string | number | undefined> = {}): string {
  const set = Object.entries(params).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return set.length === 0 ? path : `${path}?${new URLSearchParams(set)}`;
}

/** Shows the jobs that fit the fields of a form. */
export function searched(event: Event): void {
  event.preventDefault();
  const fields = [...new FormData(event.currentTarget as HTMLFormElement)] as [string, string][];
  go(addressOf('/console/jobs', Object.fromEntries(fields.map(([name, value]) => [name, value.trim()]))));
}

export const jobAddress = (queue: string, id: string): string => addressOf('/console/job', { queue, id });

/** A link inside the console. With a modifier key the browser opens it as usual. */
export function Link({ to, children, current }: { to: string; children: ComponentChildren; current?: boolean }) {
  return (
    <a
      href={to}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

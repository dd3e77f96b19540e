import { createContext } from 'preact';
import { useContext, useLayoutEffect, useState } from 'preact/hooks';
import type { Session } from '../api';

const TOKEN = 'token';

const [, given] = /^#token=(.+)$/.exec(location.hash) ?? [];
if (given !== undefined) {
  // For this origin, port included. It is worthless once the console stops.
  localStorage.setItem(TOKEN, given);
  // So that it is in no bookmark.
  history.replaceState(null, '', location.pathname + location.search);
}

/** Calls the API, which answers JSON. With a body it is a POST. A rejection has a message for the operator. */
export async function ask<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await fetch(`/console/api/${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
    headers: {
      'x-console': '1',
      'content-type': 'application/json',
      authorization: `Bearer ${localStorage.getItem(TOKEN)}`,
    },
  }).catch(() => {
    throw new Error('The console does not answer. Is it still running?');
  });
  const answer = (await response.json()) as T & { error: string };
  if (response.ok) return answer;
  throw new Error(answer.error);
}

export type Params = Partial<Record<string, string>>;

/** The parameters of the present address that are not empty. They hold the filters. */
export const params = (): Params =>
  Object.fromEntries(
    [...new URLSearchParams(location.search)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value),
  );
export const param = (name: string): string => params()[name] ?? '';

export function addressOf(path: string, given: Params): string {
  const named = Object.entries(given).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return named.length > 0 ? `${path}?${new URLSearchParams(named)}` : path;
}

export const jobAddress = (queue: string, id: string): string => addressOf('/console/job', { queue, id });

export const SessionContext = createContext<Session | undefined>(undefined);

export const useSession = (): Session => useContext(SessionContext) as Session;

/** How often figures are asked for: CloudWatch bills each metric each time. */
export const useEveryMs = (): number => (useSession().local ? 2_000 : 30_000);

/** The event after an answer said what is wrong (`detail`). */
export const HEALTH = 'console-health';

/** The event after something was done: what is shown is asked for again. `detail`: what happened, in words. */
export const DONE = 'console-done';
export const tellDone = (text: string): boolean => dispatchEvent(new CustomEvent(DONE, { detail: text }));

const early = new Map<string, Promise<unknown>>();

/** Asks beside the session for what the first page will ask for. */
export function askEarly(path: string): void {
  const asked = ask(path);
  // The page that takes it shows its error.
  asked.catch(() => {});
  early.set(path, asked);
}

/** Asks the API, again when something was done, and every `everyMs`. Hidden tabs do not ask. A later error keeps the data. */
export function useAsk<T>(path: string, everyMs?: number) {
  const [answer, setAnswer] = useState<{ data?: T; error?: string }>({});
  useLayoutEffect(() => {
    let asked: AbortController | undefined;
    const read = async () => {
      asked?.abort();
      asked = new AbortController();
      const { signal } = asked;
      const given = early.get(path) as Promise<T> | undefined;
      early.delete(path);
      const next = await (given ?? ask<T>(path, undefined, signal)).then(
        (data) => ({ data }),
        ({ message: error }: Error) => ({ error }),
      );
      if (signal.aborted) return;
      asked = undefined;
      setAnswer(({ data }) => ({ ...(data && { data }), ...next }));
    };
    void read();
    const timer = everyMs && setInterval(() => document.hidden || asked || read(), everyMs);
    addEventListener(DONE, read);
    return () => {
      asked?.abort();
      removeEventListener(DONE, read);
      clearInterval(timer);
    };
  }, [path]);
  return answer;
}

/** Sends something to the API. `failure`: why it refused the last of it. */
export function useSend() {
  const [state, setState] = useState<{ busy: boolean; failure?: string }>({ busy: false });
  const send = async <T>(path: string, body: unknown, onDone: (answer: T) => void, signal?: AbortSignal) => {
    setState({ busy: true });
    const end = await ask<T>(path, body, signal)
      .then(onDone)
      .then(
        () => ({}),
        ({ message: failure }: Error) => ({ failure }),
      );
    setState({ busy: false, ...end });
  };
  return { ...state, send };
}

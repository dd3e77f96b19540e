import { type ComponentChildren, createContext, type JSX } from 'preact';
import { useContext, useLayoutEffect, useState } from 'preact/hooks';
import { duration as secondsText } from '../../../lib/duration';
import type { Session } from '../api';
import { ask } from './api';

export const SessionContext = createContext<Session | undefined>(undefined);

export const useSession = (): Session => useContext(SessionContext) as Session;

/** How often figures are asked for: CloudWatch bills each metric each time. */
export const useEveryMs = (): number => (useSession().local ? 2_000 : 30_000);

export const sum = (points: readonly { value: number }[]): number => points.reduce((all, { value }) => all + value, 0);

/** The event after something was done: what is shown is asked for again. `detail`: what happened, in words. */
export const DONE = 'console-done';
export const tellDone = (text: string): boolean => dispatchEvent(new CustomEvent(DONE, { detail: text }));

/** Asks the API, again when something was done, and every `everyMs`. Hidden tabs do not ask. A later error keeps the data. */
export function useAsk<T>(path: string, everyMs?: number) {
  const [answer, setAnswer] = useState<{ data?: T; error?: string }>({});
  useLayoutEffect(() => {
    const left = new AbortController();
    let asked = 0;
    let open = 0;
    const read = async () => {
      const mine = ++asked;
      open++;
      const next = await ask<T>(path, undefined, left.signal).then(
        (data) => ({ data }),
        ({ message: error }: Error) => ({ error }),
      );
      open--;
      if (mine === asked && !left.signal.aborted) setAnswer(({ data }) => ({ ...(data && { data }), ...next }));
    };
    void read();
    const timer = everyMs && setInterval(() => document.hidden || open > 0 || read(), everyMs);
    addEventListener(DONE, read, { signal: left.signal });
    return () => {
      left.abort();
      clearInterval(timer);
    };
  }, [path]);
  return answer;
}

/** Sends something to the API. `failure`: why it refused the last of it. */
export function useSend() {
  const [state, setState] = useState<{ busy: boolean; failure?: string }>({ busy: false });
  const send = async <T,>(path: string, body: unknown, onDone: (answer: T) => void, signal?: AbortSignal) => {
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

type Draw<T> = (data: T) => ComponentChildren;

/** What the API answers. Until then lines without words, which keep the page still. */
export function Answer<T>({ path, everyMs, children }: { path: string; everyMs?: number; children: Draw<T> }) {
  const { data, error } = useAsk<T>(path, everyMs);
  return (
    <>
      <Failure error={error} />
      {data ? children(data) : error ? null : <Loading />}
    </>
  );
}

const Loading = () => (
  <div class="card body stack" aria-busy="true">
    <div class="skeleton" />
    <div class="skeleton short" />
    <div class="skeleton" />
    <p class="hidden">Loading …</p>
  </div>
);

/** The head of a page, and the title of its tab: what is shown. */
export function Title({
  text,
  mark,
  children,
}: Partial<Record<'mark' | 'children', ComponentChildren>> & { text: string }) {
  const { instance } = useSession();
  useLayoutEffect(() => {
    document.title = `${text} · ${instance}`;
  }, [text]);
  return (
    <div class="title row">
      <h1>
        {mark}
        {text}
      </h1>
      {children}
    </div>
  );
}

interface CardProps {
  title: string;
  note?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export const Card = ({ title, note, class: more = '', children }: CardProps) => (
  <section class={`card ${more}`} aria-label={title}>
    <header class="row">
      <h2>{title}</h2>
      {note}
    </header>
    {children}
  </section>
);

/** What a page shows where nothing is, and what to do then. */
export const Empty = ({ what, children }: { what: string; children?: ComponentChildren }) => (
  <div class="empty">
    <strong>{what}</strong>
    <p class="quiet">{children}</p>
  </div>
);

const ICONS = {
  search: 'M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0zM10.5 10.5 14 14',
  well: 'm3 8.5 3.2 3L13 4.5',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  close: 'm4 4 8 8M12 4l-8 8',
};

export const Icon = ({ name }: { name: keyof typeof ICONS }) => (
  <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
    <path d={ICONS[name]} />
  </svg>
);

export function Time({ at, short = false }: { at: number | undefined; short?: boolean }) {
  if (at === undefined) return <span>–</span>;
  const iso = new Date(at).toISOString();
  return (
    <time dateTime={iso} title={`${iso}, ${away(at)}`}>
      {short ? iso.slice(11, 19) : iso.slice(0, 19).replace('T', ' ')}
    </time>
  );
}

export const duration = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : secondsText(ms / 1000));

/** How far a time is from now, in whole seconds: `26 s ago`. */
export function away(at: number): string {
  const text = secondsText(Math.round(Math.abs(Date.now() - at) / 1000));
  return at > Date.now() ? `in ${text}` : `${text} ago`;
}

/** A number with its thousands. `more`: a lower bound. */
export const count = (value: number, more = false): string => `${value.toLocaleString('en')}${more ? '+' : ''}`;

/** The state of a job, campaign or circuit as a word. Its colour does not carry the meaning alone. */
export const State = ({ state }: { state: string }) => (
  <span class={`badge ${/^[\w-]+/.exec(state)?.[0] ?? ''}`}>{state}</span>
);

/** A region that scrolls if its content is too wide. It takes the focus, because only then can a keyboard scroll it. */
const Scroll = ({ label, children }: { label: string; children: ComponentChildren }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard cannot scroll (axe: scrollable-region-focusable)
  <section class="scroll" aria-label={label} tabIndex={0}>
    {children}
  </section>
);

interface TableProps<Row> {
  label: string;
  rows: readonly Row[];
  /** The key of a row. */
  id: (row: Row) => string;
  /** What each column shows of a row. */
  columns: Record<string, Draw<Row>>;
  /** The column that names the row. By default the first. */
  names?: string;
  /** Columns of numbers. */
  numbers?: readonly string[];
  /** What the head of a column shows instead of its name. */
  heads?: Partial<Record<string, ComponentChildren>>;
  /** In place of a table without rows. */
  empty?: JSX.Element;
  class?: string;
  classOf?: (row: Row) => string;
}

/** A table, on narrow screens a list of blocks. A column without a name, `ACT`, holds what can be done. */
export function Table<Row>({ label, rows, id, columns, heads = {}, numbers = [], ...more }: TableProps<Row>) {
  if (more.empty && rows.length === 0) return more.empty;
  const names = Object.keys(columns);
  const { names: first = names[0], class: kind = '', classOf } = more;
  const classOfCell = (head: string) => (head === ACT ? 'act' : numbers.includes(head) ? 'num' : undefined);
  return (
    <Scroll label={label}>
      <table class={kind}>
        <thead>
          <tr>
            {names.map((head) => (
              <th key={head} scope="col" class={classOfCell(head)}>
                {heads[head] ?? (head === ACT ? <span class="hidden">Act</span> : head)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} class={classOf?.(row)}>
              {names.map((head) =>
                head === first ? (
                  <th key={head} scope="row">
                    {columns[head]?.(row)}
                  </th>
                ) : (
                  <td key={head} data-head={head} class={classOfCell(head)}>
                    {columns[head]?.(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The head of the column with what can be done to a row. */
export const ACT = '';

/** Names with their values. What is missing, empty or a list is left out. */
export const Facts = ({ facts }: { facts: Record<string, ComponentChildren> }) => (
  <dl class="facts body">
    {Object.entries(facts).map(([name, value]) =>
      value === undefined || value === '' ? null : (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ),
    )}
  </dl>
);

/** Figures in a row, each with its name. */
export const Numbers = ({ numbers }: { numbers: Record<string, ComponentChildren> }) => (
  <dl class="numbers">
    {Object.entries(numbers).map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{typeof value === 'number' ? count(value) : value}</dd>
      </div>
    ))}
  </dl>
);

export const Failure = ({ error }: { error: string | undefined }) =>
  error === undefined ? null : (
    <p class="card body problem needs-you failure" role="alert">
      {error}
    </p>
  );

export function Command({ text }: { text: string }) {
  const copy = () => navigator.clipboard.writeText(text).then(() => tellDone('The command is copied.'));
  return (
    <div class="command row">
      <code>{text}</code>
      <button type="button" class="plain" aria-label="Copy the command" onClick={copy}>
        <Icon name="copy" />
      </button>
    </div>
  );
}

export const Json = ({ label, value }: { label: string; value: unknown }) => (
  <Scroll label={label}>
    <pre>{JSON.stringify(value, null, 2)}</pre>
  </Scroll>
);

/** Whether a key is meant for a field, a question or the browser. */
export const isTyping = ({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean =>
  ctrlKey ||
  metaKey ||
  altKey ||
  (target as Element).closest('input:not([type="checkbox"]), textarea, select, dialog') !== null;

export const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

/** Ids begin with their time, so their ends tell them apart. */
export const shortId = (id: string): string => (id.length > 12 ? `…${id.slice(-8)}` : id);

import { type ComponentChildren, createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
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
  useEffect(() => {
    let asked = 0;
    let open = 0;
    const read = async () => {
      const mine = ++asked;
      open++;
      const next = await ask<T>(path).then(
        (data) => ({ data }),
        ({ message: error }: Error) => ({ error }),
      );
      open--;
      if (mine === asked) setAnswer(({ data }) => ({ ...(data && { data }), ...next }));
    };
    void read();
    if (everyMs) setInterval(() => document.hidden || open > 0 || read(), everyMs);
    addEventListener(DONE, read);
  }, []);
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

export function Answer<T>({ path, everyMs, children }: { path: string; everyMs?: number; children: Draw<T> }) {
  const { data, error } = useAsk<T>(path, everyMs);
  return (
    <>
      <Failure error={error} />
      {data ? children(data) : error ? null : <p>Loading …</p>}
    </>
  );
}

export function Time({ at }: { at: number | undefined }) {
  if (at === undefined) return <span>–</span>;
  const iso = new Date(at).toISOString();
  return (
    <time dateTime={iso} title={`${duration(Math.abs(Date.now() - at))} ${at > Date.now() ? 'from now' : 'ago'}`}>
      {iso.slice(0, 19).replace('T', ' ')}
    </time>
  );
}

export const duration = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : secondsText(ms / 1000));

/** The state of a job, campaign or circuit as a word. Its colour does not carry the meaning alone. */
export const State = ({ state }: { state: string }) => <strong class={`state ${state.split(' ')[0]}`}>{state}</strong>;

/** A region that scrolls if its content is too wide. It takes the focus, because only then can a keyboard scroll it. */
const Scroll = ({ label, children }: { label: string; children: ComponentChildren }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard cannot scroll (axe: scrollable-region-focusable)
  <section class="scroll" aria-label={label} tabIndex={0}>
    {children}
  </section>
);

interface TableProps<Row> {
  label: string;
  /** What is shown instead if there are no rows. */
  none?: string;
  rows: readonly Row[];
  /** The key of a row. */
  id: (row: Row) => string;
  /** What each column shows of a row. */
  columns: Record<string, Draw<Row>>;
  /** What a click on the head of a column sorts the rows by. */
  sorts?: Record<string, keyof Row>;
}

/** A table, on narrow screens a list. */
export function Table<Row>({ label, none, rows, id, columns, sorts = {} }: TableProps<Row>) {
  const [{ by, up }, setSort] = useState({ by: '', up: true });
  if (rows.length === 0) return none ? <p>{none}</p> : null;
  const heads = Object.keys(columns);
  const value = (row: Row) => row[sorts[by] as keyof Row] ?? '';
  const order = (a: Row, b: Row) => (value(a) < value(b) ? -1 : Number(value(a) > value(b))) * (up ? 1 : -1);
  const sorted = by ? rows.toSorted(order) : rows;
  return (
    <Scroll label={label}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col" aria-sort={head === by ? (up ? 'ascending' : 'descending') : undefined}>
                {sorts[head] ? (
                  <button type="button" onClick={() => setSort({ by: head, up: head === by ? !up : true })}>
                    {head}
                    {head === by ? (up ? ' ↑' : ' ↓') : ' ↕'}
                  </button>
                ) : (
                  head
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr key={id(row)}>
              {heads.map((head) => (
                <td key={head} data-head={head}>
                  {columns[head]?.(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** ms since 1970. No count of a job is as large. */
const YEAR_2001 = 1e12;

/** Names with their values. A value that is a list or an object is left out. */
export const Facts = ({ facts }: { facts: object }) => (
  <dl>
    {Object.entries(facts).map(([name, value]) =>
      Object(value) === value ? null : (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value !== 'number' ? String(value) : value > YEAR_2001 ? <Time at={value} /> : value}</dd>
        </div>
      ),
    )}
  </dl>
);

export const Failure = ({ error }: { error: string | undefined }) =>
  error === undefined ? null : (
    <p class="failure" role="alert">
      {error}
    </p>
  );

export const Command = ({ text }: { text: string }) => <code class="command">{text}</code>;

export const Json = ({ label, value }: { label: string; value: unknown }) => (
  <Scroll label={label}>
    <pre>{JSON.stringify(value, null, 2)}</pre>
  </Scroll>
);

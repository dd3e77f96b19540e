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

/** Asks the API, again when the path changes, when something was done, and every `everyMs`. Hidden tabs do not ask. */
export function useAsk<T>(path: string, everyMs?: number): { data: T | undefined; error: string | undefined } {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<string>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    ask<T>(path, undefined, abort.signal).then(
      (answer) => {
        setData(answer);
        setError(undefined);
      },
      (failure: Error) => {
        if (!abort.signal.aborted) setError(failure.message);
      },
    );
    return () => abort.abort();
  }, [path, round]);
  useEffect(() => {
    const again = () => setRound((before) => before + 1);
    const timer = everyMs && setInterval(() => document.hidden || again(), everyMs);
    addEventListener(DONE, again);
    return () => {
      clearInterval(timer);
      removeEventListener(DONE, again);
    };
  }, [everyMs]);
  return { data, error };
}

type Draw<T> = (data: T) => ComponentChildren;

/** What the API answers to `path`, as `children` draw it. An answer stays while a later one fails. */
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
export const Scroll = ({ label, children }: { label: string; children: ComponentChildren }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard cannot scroll (axe: scrollable-region-focusable)
  <section class="scroll" aria-label={label} tabIndex={0}>
    {children}
  </section>
);

/**
 * A table, on narrow screens a list. `columns`: what each shows of a row. `sorts`: what a click on a head sorts these
 * rows by. `id`: a row's key. `none`: no rows.
 */
export function Table<Row>({
  label,
  none,
  rows,
  id,
  columns,
  sorts = {},
}: {
  label: string;
  none?: string;
  rows: readonly Row[];
  id: (row: Row) => string;
  columns: Record<string, Draw<Row>>;
  sorts?: Record<string, (row: Row) => string | number | undefined>;
}) {
  const [{ by, up }, setSort] = useState({ by: '', up: true });
  if (none && rows.length === 0) return <p>{none}</p>;
  const cell = (row: Row, head: string) => {
    const shown = columns[head]?.(row);
    return (
      <td key={head} data-head={head} class={typeof shown === 'number' ? 'number' : undefined}>
        {shown}
      </td>
    );
  };
  const heads = Object.keys(columns);
  const value = (row: Row) => sorts[by]?.(row) ?? '';
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
            <tr key={id(row)}>{heads.map((head) => cell(row, head))}</tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Names with their values. A value that is a list or an object is left out. */
export const Facts = ({ facts }: { facts: object }) => (
  <dl>
    {Object.entries(facts).map(([name, value]) =>
      Object(value) === value ? null : (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === 'number' ? value.toLocaleString('en') : String(value)}</dd>
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

export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true));
  return (
    <div class="row command">
      <code>{text}</code>
      <button type="button" onClick={copy}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}

export const Json = ({ label, value }: { label: string; value: unknown }) => (
  <Scroll label={label}>
    <pre>{JSON.stringify(value, null, 2)}</pre>
  </Scroll>
);

import { type ComponentChildren, createContext } from 'preact';
import { useCallback, useContext, useEffect, useState } from 'preact/hooks';
import type { Session } from '../views';
import { ask } from './api';

export const SessionContext = createContext<Session | undefined>(undefined);

/** The deployment, for every part of the page. */
export const useSession = (): Session => useContext(SessionContext) as Session;

/** An answer of the API, with its error and a way to ask again. */
export interface Asked<T> {
  data: T | undefined;
  error: string | undefined;
  reload: () => void;
}

/** Asks the API, again when the path changes and every `everyMs`. A hidden tab does not ask. */
export function useAsk<T>(path: string, everyMs?: number): Asked<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<string>();
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((before) => before + 1), []);
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
    if (everyMs === undefined) return;
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);
  return { data, error, reload };
}

/** What to show while there is no answer. */
export const Waiting = ({ error }: { error: string | undefined }) =>
  error ? <Failure error={error} /> : <p>Loading …</p>;

/** A time in UTC, with its age as title. */
export function Time({ at }: { at: number | undefined }) {
  if (at === undefined) return <span>–</span>;
  const iso = new Date(at).toISOString();
  return (
    <time dateTime={iso} title={`${duration(Math.abs(Date.now() - at))} ${at > Date.now() ? 'from now' : 'ago'}`}>
      {iso.slice(0, 19).replace('T', ' ')}
    </time>
  );
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A duration in its two largest units. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const first = UNITS.findIndex(([, unit]) => ms >= unit);
  const [name = 's', unit = 1_000] = UNITS[first] ?? [];
  const [nextName, nextUnit = 1] = UNITS[first + 1] ?? [];
  const rest = Math.floor((ms % unit) / nextUnit);
  return `${Math.floor(ms / unit)} ${name}${nextName === undefined || rest === 0 ? '' : ` ${rest} ${nextName}`}`;
}

/** A job's state as a word with a colour that does not carry the meaning alone. */
export const State = ({ state }: { state: string }) => (
  <span class={`state state-${state.split(' ')[0]}`}>{state}</span>
);

/** A region that scrolls if its content is too wide. It takes the focus, because only then can a keyboard scroll it. */
export const Scroll = ({ label, children }: { label: string; children: ComponentChildren }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard cannot scroll (axe: scrollable-region-focusable)
  <section class="scroll" aria-label={label} tabIndex={0}>
    {children}
  </section>
);

/** A table that scrolls on narrow screens. `rows`: the cells of each row, by its key. The first cell names its row. */
export const Table = ({
  label,
  head,
  rows,
}: {
  label: string;
  head: readonly string[];
  rows: readonly (readonly [key: string, cells: readonly ComponentChildren[]])[];
}) => (
  <Scroll label={label}>
    <table>
      <thead>
        <tr>
          {head.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([key, cells]) => (
          <tr key={key}>
            {cells.map((cell, column) => (
              <td key={head[column]} class={typeof cell === 'number' ? 'number' : undefined}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);

export const Facts = ({ facts }: { facts: readonly (readonly [string, string])[] }) => (
  <dl>
    {facts.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
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
    <div class="command">
      <code>{text}</code>
      <button type="button" onClick={copy}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}

/** A value as JSON, written as text. */
export const Json = ({ label, value }: { label: string; value: unknown }) => (
  <details>
    <summary>{label}</summary>
    <Scroll label={label}>
      <pre>{JSON.stringify(value, null, 2)}</pre>
    </Scroll>
  </details>
);

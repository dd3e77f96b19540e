import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { ask } from './api';

/** An answer of the API, with its error and a way to ask again. */
export interface Asked<T> {
  data: T | undefined;
  error: string | undefined;
  reload: () => void;
}

/** Asks the API, again when the path changes and every `everyMs`. A hidden tab does not ask. */
export function useAsk<T>(path: string | undefined, everyMs?: number): Asked<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<string>();
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  useEffect(() => {
    if (path === undefined) return;
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

/** A count that may be a lower bound. */
export const countText = ({ count, more }: { count: number; more: boolean }): string =>
  `${count.toLocaleString('en')}${more ? '+' : ''}`;

/** A job's state as a word with a colour that does not carry the meaning alone. */
export function State({ state }: { state: string }) {
  return <span class={`state state-${state.split(' ')[0]}`}>{state}</span>;
}

/** A region that scrolls if its content is too wide. It takes the focus, because only then can a keyboard scroll it. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard cannot scroll (axe: scrollable-region-focusable)
    <section class="scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}

/** A table that scrolls on narrow screens. */
export function Table({ label, head, children }: { label: string; head: string[]; children: ComponentChildren }) {
  return (
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
        <tbody>{children}</tbody>
      </table>
    </Scroll>
  );
}

export function Failure({ error }: { error: string | undefined }) {
  return error === undefined ? null : (
    <p class="failure" role="alert">
      {error}
    </p>
  );
}

/** A command to copy. */
export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <div class="command">
      <code>{text}</code>
      <button
        type="button"
        onClick={() =>
          navigator.clipboard.writeText(text).then(
            () => setCopied(true),
            () => setCopied(false),
          )
        }
      >
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}

/** A value as JSON, written as text. */
export function Json({ label, value }: { label: string; value: unknown }) {
  return (
    <details>
      <summary>{label}</summary>
      <Scroll label={label}>
        <pre>{JSON.stringify(value, null, 2)}</pre>
      </Scroll>
    </details>
  );
}

import type { ComponentChildren, JSX } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import { addressOf, type Params, tellDone, useAsk, useSession } from './api';
import { away, count, shortId } from './text';

type Draw<T> = (data: T) => ComponentChildren;
type Shown<Name extends string> = Partial<Record<Name, ComponentChildren>>;

/** What the API answers. Until then lines without words, which keep the page still. */
export function Answer<T>({ path, everyMs, show }: { path: string; everyMs?: number; show: Draw<T> }) {
  const { data, error } = useAsk<T>(path, everyMs);
  return (
    <>
      <Failure error={error} />
      {data
        ? show(data)
        : !error && (
            <p class="card skeleton" aria-busy="true">
              Loading …
            </p>
          )}
    </>
  );
}

/** The head of a page, and the title of its tab: what is shown. `about`: what the page has, in a sentence. */
export function Title({ text, mark, about, children }: { text: string } & Shown<'mark' | 'about' | 'children'>) {
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
      {about && <p class="quiet">{about}</p>}
      {children}
    </div>
  );
}

export const Card = ({ title, note, children }: { title: string } & Shown<'note' | 'children'>) => (
  <section class="card" aria-label={title}>
    <header class="row">
      <h2>{title}</h2>
      {note}
    </header>
    {children}
  </section>
);

/** What a page shows where nothing is, and what to do then. */
export const Empty = ({ what, children }: { what: string } & Shown<'children'>) => (
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

export const WELL = (
  <span class="good">
    <Icon name="well" />
  </span>
);

export const IconButton = ({ icon, label, act }: { icon: keyof typeof ICONS; label: string; act: () => void }) => (
  <button type="button" class="plain" aria-label={label} onClick={act}>
    <Icon name={icon} />
  </button>
);

/** The end of an id, or another short text, as a link to a page of the console. */
export const idLink = (path: string, params: Params, text: string) => (
  <a class="mono" href={addressOf(path, params)}>
    {text}
  </a>
);
export const jobLink = (queue: string, id: string, text = shortId(id)) => idLink('/console/job', { queue, id }, text);

export function Time({ at, short = false }: { at: number | undefined; short?: boolean }) {
  if (at === undefined) return <span>–</span>;
  const iso = new Date(at).toISOString();
  return (
    <time dateTime={iso} title={`${iso}, ${away(at)}`}>
      {short ? iso.slice(11, 19) : iso.slice(0, 19).replace('T', ' ')}
    </time>
  );
}

/** The state of a job, campaign or circuit as a word. Its colour does not carry the meaning alone. */
export const State = ({ state }: { state: string }) => (
  <span class={`badge ${/^[\w-]+/.exec(state)?.[0] ?? ''}`}>{state}</span>
);

/** A region that scrolls if its content is too wide. It takes the focus, because only then can a keyboard scroll it. */
const Scroll = ({ label, children }: { label: string } & Shown<'children'>) => (
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
}

/** A table, on narrow screens a list of blocks. A column without a name, `ACT`, holds what can be done. */
export function Table<Row>({ label, rows, id, columns, heads = {}, numbers = [], ...more }: TableProps<Row>) {
  if (more.empty && rows.length === 0) return more.empty;
  const names = Object.keys(columns);
  const first = more.names ?? names[0];
  const kindOf = (head: string) => (head === ACT ? 'act' : numbers.includes(head) ? 'num' : undefined);
  return (
    <Scroll label={label}>
      <table class={more.class}>
        <thead>
          <tr>
            {names.map((head) => (
              <th key={head} scope="col" class={kindOf(head)}>
                {heads[head] ?? (head === ACT ? <span class="hidden">Act</span> : head)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)}>
              {names.map((head) => {
                const Cell = head === first ? 'th' : 'td';
                return (
                  <Cell key={head} scope={head === first ? 'row' : undefined} data-head={head} class={kindOf(head)}>
                    {columns[head]?.(row)}
                  </Cell>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** What a cell shows, and what stands below it in small. */
export const two = (main: ComponentChildren, below: ComponentChildren, kind?: string) => (
  <>
    {main} <small class={kind}>{below}</small>
  </>
);

/** The head of the column with what can be done to a row. */
export const ACT = '';

/** Names with their values. What is missing or empty is left out. */
export const Facts = ({ facts, kind = 'facts body' }: { facts: Record<string, ComponentChildren>; kind?: string }) => (
  <dl class={kind}>
    {Object.entries(facts).map(([name, value]) =>
      value === undefined || value === '' ? null : (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === 'number' ? count(value) : value}</dd>
        </div>
      ),
    )}
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
      <IconButton icon="copy" label="Copy the command" act={copy} />
    </div>
  );
}

/** A text as it is, or a value as JSON. */
export const Text = ({ label, of }: { label: string; of: unknown }) => (
  <Scroll label={label}>
    <pre>{typeof of === 'string' ? of : JSON.stringify(of, null, 2)}</pre>
  </Scroll>
);

/** Whether a key is meant for a field, a question or the browser. */
export const isTyping = ({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean =>
  ctrlKey ||
  metaKey ||
  altKey ||
  (target as Element).closest('input:not([type="checkbox"]), textarea, select, dialog') !== null;

import type { ComponentChildren } from 'preact';
import { Card } from './parts';
import { count, sum } from './text';

/** `at`: ms since 1970. */
export type Points = readonly { at: number; value: number }[];

const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);

interface FigureProps {
  value: string;
  note: ComponentChildren;
  /** What is drawn, for who does not see it. */
  label: string;
  points: Points;
  from: number;
  to: number;
  kind?: 'bars' | 'line';
  tone?: string;
  textOf?: (value: number) => string;
}

/** A figure with its picture over time. A gap is no data. Counts are bars, levels are lines. */
export function Figure({ value: shown, note, label, points, from, to, tone = '', textOf = String, kind }: FigureProps) {
  const highest = Math.max(0, ...points.map(({ value }) => value));
  const spots = points.map(({ at, value }) =>
    [(100 * (at - from)) / (to - from), 29 - (27 * value) / Math.max(1, highest)].map((place) => place.toFixed(1)),
  );
  const isLine = kind === 'line' && highest > 0;
  const line = `M${spots.join('L')}`;
  const bars = spots.map(([x, y]) => (y === '29.0' ? '' : `M${x} 30V${y}h1.2V30z`)).join('');
  return (
    <div class="figure">
      <strong class={/^\+?0$|^–$/.test(shown) ? 'none' : tone}>{shown}</strong>
      <small>{note}</small>
      <svg class={`spark ${highest > 0 ? tone : 'none'}`} viewBox="0 0 100 30" preserveAspectRatio="none" role="img">
        <title>{`${label}: ${points.length > 0 ? `highest ${textOf(highest)}` : 'no data'}`}</title>
        {isLine && <path class="area" d={`${line}V30H${spots[0]?.[0]}z`} />}
        <path class={isLine ? 'line' : 'bars'} d={isLine ? line : `${bars}M0 29.4h100v.6H0z`} />
      </svg>
    </div>
  );
}

/** The classes of colours, by name. */
type Tones = Record<string, string>;

interface ChartProps {
  title: string;
  /** What the legend says of each line. By default its sum. */
  totals?: Record<string, string>;
  caption: string;
  lines: Record<string, Points>;
  from: number;
  to: number;
  textOf?: (value: number) => string;
  tones?: Tones;
}

/** How much of the width the bars of one time take, in percent. */
const BAR = 1.2;

/**
 * Bars of one time on top of each other, from `from` to `to`, with axes, a legend and a value under the pointer. SVG and
 * not a library that draws on a canvas: it follows the colours of the page, light, dark and in high contrast, and text
 * beside it stays text. The caption is for a screen reader too.
 */
export function Chart({ title, caption, lines, from, to, textOf = String, tones = {}, ...given }: ChartProps) {
  const names = Object.keys(lines);
  const times = new Map<number, number>();
  const bars = names.flatMap((name) =>
    (lines[name] ?? []).map(({ at, value }) => {
      const top = (times.get(at) ?? 0) + value;
      times.set(at, top);
      return { name, at, value, top };
    }),
  );
  const totals = given.totals ?? Object.fromEntries(names.map((name) => [name, count(sum(lines[name] ?? []))]));
  const highest = Math.max(1, ...times.values());
  return (
    <Card title={title} note={<Legend of={totals} tones={tones} />}>
      <figure class="chart body">
        <div class="y" aria-hidden="true">
          <span>{textOf(highest)}</span>
          <span>0</span>
        </div>
        <svg class="plot" aria-hidden="true">
          {[0.3, 50, 99.7].map((y) => (
            <line key={y} x2="100%" y1={`${y}%`} y2={`${y}%`} />
          ))}
          {bars.map(({ name, at, value, top }) => (
            <rect
              key={`${name} ${at}`}
              class={tones[name] ?? `fill-${names.indexOf(name)}`}
              x={`${((100 - BAR) * (at - from)) / (to - from)}%`}
              width={`${BAR}%`}
              y={`${100 - (100 * top) / highest}%`}
              height={`${(100 * value) / highest}%`}
            >
              <title>{`${clock(at)}: ${textOf(value)} ${name}`}</title>
            </rect>
          ))}
        </svg>
        <div class="x" aria-hidden="true">
          {[0, 0.25, 0.5, 0.75, 1].map((part) => (
            <span key={part}>{clock(from + part * (to - from))}</span>
          ))}
        </div>
        <figcaption>{caption} Times in UTC.</figcaption>
      </figure>
    </Card>
  );
}

/** What colours mean, each with its figure. */
export const Legend = ({ of, tones }: { of: Record<string, string>; tones: Tones }) => (
  <ul class="legend row">
    {Object.entries(of).map(([name, text], index) => (
      <li key={name} class="row">
        <i class={tones[name] ?? `fill-${index}`} />
        {name} <span class="quiet">{text}</span>
      </li>
    ))}
  </ul>
);

/** Parts of a whole in one bar: each is as long as its value says. */
export const Strip = ({ parts }: { parts: readonly { name: string; value: number; tone: string }[] }) => (
  <div class="strip" aria-hidden="true">
    {parts.map(({ name, value, tone }) => (
      <i key={name} class={tone} style={{ flexGrow: value }} />
    ))}
  </div>
);

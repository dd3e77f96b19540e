import type { ComponentChildren } from 'preact';
import { Card } from './parts';
import { count, sum } from './text';

/** `at`: ms since 1970. */
export type Points = readonly { at: number; value: number }[];

const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);

interface SparkProps {
  /** What is drawn, for who does not see it. */
  label: string;
  points: Points;
  from: number;
  to: number;
  kind?: 'bars' | 'line';
  tone?: string;
  textOf?: (value: number) => string;
}

/** A picture of an hour beside its figure. A gap is no data. Counts are bars, levels are lines. */
export function Spark({ label, points, from, to, kind = 'bars', tone = '', textOf = String }: SparkProps) {
  const highest = Math.max(0, ...points.map(({ value }) => value));
  const spots = points.map(({ at, value }) =>
    [(100 * (at - from)) / (to - from), 29 - (27 * value) / Math.max(1, highest)].map((place) => place.toFixed(1)),
  );
  const isLine = kind === 'line' && highest > 0;
  const line = `M${spots.map((spot) => spot.join(' ')).join('L')}`;
  const bars = spots.map(([x, y]) => (y === '29.0' ? '' : `M${x} 30V${y}h1.2V30z`)).join('');
  return (
    <svg class={`spark ${highest > 0 ? tone : 'none'}`} viewBox="0 0 100 30" preserveAspectRatio="none" role="img">
      <title>{`${label}: ${points.length > 0 ? `highest ${textOf(highest)}` : 'no data'}`}</title>
      {isLine && <path class="area" d={`${line}V30H${spots[0]?.[0]}z`} />}
      <path class={isLine ? 'line' : 'bars'} d={isLine ? line : `${bars}M0 29.4h100v.6H0z`} />
    </svg>
  );
}

/** A figure with its picture. */
export const Figure = ({ value, note, ...spark }: SparkProps & { value: string; note: ComponentChildren }) => (
  <div class="figure">
    <strong class={/^\+?0$|^–$/.test(value) ? 'none' : spark.tone}>{value}</strong>
    <small>{note}</small>
    <Spark {...spark} />
  </div>
);

interface ChartProps {
  title: string;
  /** What the legend says of each line. By default its sum. */
  totals?: Record<string, string>;
  caption: string;
  lines: Record<string, Points>;
  from: number;
  to: number;
  textOf?: (value: number) => string;
  /** The class of each line's colour, by its name. */
  tones?: Record<string, string> | undefined;
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
      const below = times.get(at) ?? 0;
      times.set(at, below + value);
      return { name, at, value, top: below + value };
    }),
  );
  const sums = Object.entries(lines).map(([name, points]) => [name, count(sum(points))]);
  const totals = given.totals ?? (Object.fromEntries(sums) as Record<string, string>);
  const highest = Math.max(1, ...times.values());
  const toneOf = (name: string) => tones[name] ?? `fill-${names.indexOf(name)}`;
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
              class={toneOf(name)}
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

/** What the colours of a chart mean, each with its figure. */
export const Legend = ({ of, tones = {} }: { of: Record<string, string>; tones?: Record<string, string> }) => (
  <ul class="legend row">
    {Object.entries(of).map(([name, text], index) => (
      <li key={name} class="row">
        <svg aria-hidden="true">
          <rect class={tones[name] ?? `fill-${index}`} width="100%" height="100%" rx="2" />
        </svg>
        {name} <span class="quiet">{text}</span>
      </li>
    ))}
  </ul>
);

/** Parts of a whole in one bar. */
export function Share({ of, tones }: { of: Record<string, number>; tones: Record<string, string> }) {
  const all = Math.max(1, sum(Object.values(of).map((value) => ({ value }))));
  let from = 0;
  return (
    <svg class="share" aria-hidden="true">
      {Object.entries(of).map(([name, value]) => {
        const x = from;
        from += (100 * value) / all;
        return <rect key={name} class={tones[name]} x={`${x}%`} width={`${(100 * value) / all}%`} height="100%" />;
      })}
    </svg>
  );
}

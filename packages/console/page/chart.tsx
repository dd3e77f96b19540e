/** `at`: ms since 1970. */
type Points = readonly { at: number; value: number }[];

interface ChartProps {
  caption: string;
  lines: Record<string, Points>;
  from: number;
  to: number;
  textOf?: (value: number) => string;
}

/** How much of the width the bars of one time take, in percent. */
const BARS = 1.4;

const Axis = ({ labels }: { labels: readonly string[] }) => (
  <small>
    {labels.map((label) => (
      <span key={label}>{label}</span>
    ))}
  </small>
);

/** Small bars from `from` to `to`, ms since 1970. page.css colours each line. The caption is for a screen reader. */
export function Chart({ caption, lines, from, to, textOf = String }: ChartProps) {
  const highest = Math.max(1, ...Object.values(lines).flatMap((points) => points.map(({ value }) => value)));
  const time = (at: number) => new Date(at).toISOString().slice(11, 16);
  const width = BARS / Object.keys(lines).length;
  const bars = (name: string, points: Points, index: number) =>
    points.map(({ at, value }) => (
      <rect
        key={`${name} ${at}`}
        class={name}
        x={`${(100 * (at - from)) / (to - from) + index * width}%`}
        width={`${width}%`}
        y={`${100 - (100 * value) / highest}%`}
        height={`${(100 * value) / highest}%`}
      >
        <title>{`${time(at)}: ${textOf(value)} ${name}`}</title>
      </rect>
    ));
  return (
    <figure>
      <figcaption>{caption}</figcaption>
      <div class="plot" aria-hidden="true">
        <Axis labels={[textOf(highest), '0']} />
        <svg aria-hidden="true">{Object.entries(lines).map(([name, points], index) => bars(name, points, index))}</svg>
        <small>UTC</small>
        <Axis labels={[0, 0.25, 0.5, 0.75, 1].map((part) => time(from + part * (to - from)))} />
      </div>
    </figure>
  );
}

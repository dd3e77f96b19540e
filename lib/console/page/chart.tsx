import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

interface Line {
  label: string;
  /** The name of a colour in style.css. */
  colour: 'good' | 'bad' | 'link';
  /** `at`: ms since 1970. */
  points: readonly { at: number; value: number }[];
}

const HEIGHT = 90;

/** A colour of style.css as a canvas takes it. */
function colourOf(element: HTMLElement, name: string): string {
  element.style.color = `var(--${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = '';
  return color;
}

/** A small chart over time. Its caption says the same in words, because a drawing says nothing to a screen reader. */
export function Chart({
  caption,
  lines,
  from,
  to,
}: {
  caption: string;
  lines: readonly Line[];
  /** The times that it shows, ms since 1970. */
  from: number;
  to: number;
}) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = lines.filter(({ points }) => points.length > 0);
  const key = JSON.stringify([drawn, from, to]);
  useEffect(() => {
    const element = place.current;
    if (!element || drawn.length === 0) return;
    const bars = uPlot.paths.bars?.({ size: [0.8, 6, 1] });
    const stroke = colourOf(element, 'quiet');
    const lined = { stroke: colourOf(element, 'line'), width: 1 };
    const axis = { stroke, grid: lined, ticks: lined, font: '11px system-ui' };
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
        axes: [
          { ...axis, space: 60 },
          { ...axis, size: 44, space: 25 },
        ],
        scales: {
          x: { range: () => [from / 1000, to / 1000] },
          y: { range: (_chart, _min, max) => [0, Math.max(1, max)] },
        },
        series: [
          {},
          ...drawn.map(({ label, colour }) => ({
            label,
            stroke: colourOf(element, colour),
            fill: colourOf(element, colour),
            ...(bars && { paths: bars }),
            points: { show: false },
          })),
        ],
      },
      uPlot.join(drawn.map(({ points }) => [points.map(({ at }) => at / 1000), points.map(({ value }) => value)])),
      element,
    );
    const resized = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.destroy();
    };
  }, [key]);
  return (
    <figure>
      <figcaption>{caption}</figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

/** A sentence, a table or a chart. Each member of `series` has a bar for each label. */
export type Part =
  | string
  | { caption: string; head: readonly string[]; cells: readonly (readonly string[])[] }
  | { chart: string; unit: string; labels: readonly string[]; series: Record<string, readonly number[]> };

/** One HTML page that loads nothing. */
export function page(title: string, parts: readonly Part[]): string {
  const body = parts.map((part) => {
    if (typeof part === 'string') return `<p>${escaped(part)}</p>`;
    return 'cells' in part ? table(part) : chart(part);
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${CSS}</style></head>
<body><main><h1>${escaped(title)}</h1>
${body.join('\n')}
</main></body></html>
`;
}

const CSS = `:root { color-scheme: light dark; --a: #0b57b7; --b: #a8191f; --c: #8a5a00; font: 15px/1.5 system-ui }
@media (prefers-color-scheme: dark) { :root { --a: #7db4ff; --b: #ff8f8f; --c: #f1b556 } }
body { margin: 1rem auto; max-width: 70rem; padding: 0 1rem; background: Canvas; color: CanvasText }
.wide { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0 }
th, td { text-align: left; padding: 0.2rem 0.7rem; border-bottom: 1px solid GrayText }
figure { margin: 1.5rem 0 } svg { width: 100%; max-width: 45rem } svg text { fill: CanvasText; font-size: 11px }
line { stroke: GrayText; stroke-width: 0.5 } .s0 { fill: var(--a); color: var(--a) }
.s1 { fill: var(--b); color: var(--b) } .s2 { fill: var(--c); color: var(--c) }`;

const escaped = (text: string): string => text.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`);

function table({ caption, head, cells }: Extract<Part, { cells: unknown }>): string {
  const columns = head.map((name) => `<th scope="col">${escaped(name)}</th>`).join('');
  const rows = cells.map(([first = '', ...rest]) => {
    const others = rest.map((cell) => `<td>${escaped(cell)}</td>`).join('');
    return `<tr><th scope="row">${escaped(first)}</th>${others}</tr>`;
  });
  return `<h2>${escaped(caption)}</h2>
<div class="wide" tabindex="0" role="region" aria-label="${escaped(caption)}"><table><thead><tr>${columns}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [720, 220, 56, 24];
const TICKS = 4;
const MOST_LABELS = 16;

/** Bars side by side, with both axes. The title of each bar has its value. */
function chart({ chart: title, unit, labels, series }: Extract<Part, { chart: string }>): string {
  const highest = Math.max(0, ...Object.values(series).flat());
  // The least of 1, 2, 4 or 8 times a power of ten that is not below the highest bar.
  const power = 10 ** Math.floor(Math.log10(highest || 1));
  const top = ([1, 2, 4, 8, 10].find((times) => times * power >= highest) ?? 10) * power;
  const [width, height] = [(WIDTH - LEFT) / Math.max(1, labels.length), HEIGHT - BOTTOM - 10];
  const y = (value: number) => 10 + height * (1 - value / top);
  const axis = Array.from({ length: TICKS + 1 }, (_, tick) => (top * tick) / TICKS).map(
    (value) => `<line x1="${LEFT}" x2="${WIDTH}" y1="${y(value)}" y2="${y(value)}"/>
<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${Number(value.toPrecision(3))}</text>`,
  );
  const bar = (width * 0.8) / Object.keys(series).length;
  const bars = Object.entries(series).flatMap(([name, values], nth) =>
    values.map((value, at) => {
      const x = LEFT + at * width + width * 0.1 + nth * bar;
      const about = escaped(`${labels[at]}: ${name} ${Number(value.toPrecision(4))} ${unit}`);
      return `<rect class="s${nth}" x="${x.toFixed(1)}" y="${y(value).toFixed(1)}" width="${bar.toFixed(1)}" height="${(y(0) - y(value)).toFixed(1)}"><title>${about}</title></rect>`;
    }),
  );
  const step = Math.ceil(labels.length / MOST_LABELS);
  const below = labels.map((label, at) =>
    at % step === 0
      ? `<text x="${(LEFT + (at + 0.5) * width).toFixed(1)}" y="${HEIGHT - 6}" text-anchor="middle">${escaped(label)}</text>`
      : '',
  );
  const legend = Object.keys(series).map((name, nth) => `<span class="s${nth}">■ ${escaped(name)}</span>`);
  return `<figure><figcaption>${escaped(title)}, ${escaped(unit)} ${legend.join(' ')}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">${[...axis, ...bars, ...below].join('\n')}</svg></figure>`;
}

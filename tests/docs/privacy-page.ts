import { readFileSync } from 'node:fs';
import { PLACES, type Place } from '../../lib/ops/places';

const HEAD =
  '| where (`{prefix}` is that of the instance) | what, and what for | who reads it | how long | how it is found | how it is erased |\n|---|---|---|---|---|---|\n';

const keptOf = ({ kept, days }: Place): string =>
  [kept, days && `${days[0]} days, by lifecycle rule${days[1] > 0 ? `; ${days[1]} at least` : ''}`]
    .filter(Boolean)
    .join('; ');

/** docs/privacy.md with the table of today's code. The rest of the page is as it was. */
export function privacyPage(): string {
  const rows = Object.values(PLACES as Record<string, Place>).map((place) => {
    const { where, holds, readers, found, erased } = place;
    return `| ${where} | ${holds} | ${readers} | ${keptOf(place)} | ${found} | ${erased} |\n`;
  });
  return readFileSync('docs/privacy.md', 'utf8').replace(/\| where .*?\n\n/s, () => `${HEAD}${rows.join('')}\n`);
}

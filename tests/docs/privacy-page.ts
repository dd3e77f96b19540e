import { readFileSync } from 'node:fs';
import { PLACES, type Place } from '../../packages/cli/places';
import { withTable } from './pages';

const HEAD =
  '| where (`{prefix}` is that of the instance) | what, and what for | who reads it | how long | how it is found | how it is erased |';

const keptOf = ({ kept, days }: Place): string =>
  [kept, days && `${days[0]} days, by lifecycle rule${days[1] > 0 ? `; ${days[1]} at least` : ''}`]
    .filter(Boolean)
    .join('; ');

/** docs/privacy.md with the table of today's code. */
export function privacyPage(): string {
  const rows = Object.values(PLACES as Record<string, Place>).map((place) => {
    const { where, holds, readers, found, erased } = place;
    return `| ${where} | ${holds} | ${readers} | ${keptOf(place)} | ${found} | ${erased} |`;
  });
  return withTable(readFileSync('docs/privacy.md', 'utf8'), HEAD, rows);
}

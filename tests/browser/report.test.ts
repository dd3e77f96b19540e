import { type Part, page as reportPage } from '../../packages/cli/report';
import { browserTest, openTab, violations } from './page';

const MARKUP = '<img src=x onerror="window.hacked = 1">';
const rows = (count: number) => Array.from({ length: count }, (_, n) => [`${MARKUP} ${n}`, 'feedback', n, n / 10]);

const LONG = '2.2 s on average over 360 jobs; 8 waited for a vendor, the longest 2 h; 1 was opened again'.repeat(2);

/** As long as the report of a month with much to say. */
const PARTS: Part[] = [
  '5 of 6 goals met; feedback waited for zendesk on the 14th.',
  `A month of ${MARKUP}.`,
  {
    caption: 'Criteria',
    head: ['CRITERION', 'FIGURE', 'MET'],
    cells: [...rows(5).map(([name]) => [`${name}`, '20 ms over 8 jobs', 'yes']), [MARKUP, LONG, 'NO']],
  },
  { caption: 'Figures', head: ['FIGURE', 'QUEUE', '2026-11', '2026-10'], cells: rows(11) },
  {
    caption: 'Days',
    head: ['DAY', 'JOBS'],
    cells: Array.from({ length: 31 }, (_, day) => [`2026-10-${day + 1}`, 290 + day]),
    picture: true,
  },
  { caption: 'Queues', next: true, head: ['QUEUE', 'NAME', 'SUCCEEDED', 'DEAD'], cells: rows(5) },
  { caption: 'Times', head: ['QUEUE', 'NAME', 'P50', 'P95'], cells: rows(5) },
  { caption: 'Waits', head: ['DAY', 'QUEUE', 'JOBS', 'LONGEST'], cells: rows(12) },
  { caption: 'Cost', head: ['SERVICE', 'QUEUE', 'USD', 'PER 1,000 JOBS'], cells: rows(9) },
  { caption: 'Acts', head: ['DAY', 'QUEUE', 'JOBS', 'TIMES'], cells: rows(12) },
  { caption: 'Nothing', head: ['SERVICE'], cells: [] },
];

browserTest(
  'the page of a report is accessible in light and in dark, prints on two sheets of A4, and runs nothing',
  async () => {
    const { page, problems } = await openTab();
    await page.setContent(reportPage(MARKUP, PARTS, 'month.json'));

    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
    }
    const [bars, met] = [page.locator('rect'), page.locator('td.good, td.bad')];
    expect([await bars.count(), await bars.last().getAttribute('height')]).toEqual([31, '100%']);
    expect(await met.allTextContents()).toEqual(['yes', 'yes', 'yes', 'yes', 'yes', 'NO']);
    // A sign stands before its word, not above it.
    const signs = (await page.evaluate(`[...document.querySelectorAll('td.good, td.bad')].map((cell) => {
      const word = document.createRange();
      word.selectNodeContents(cell);
      const indent = parseFloat(getComputedStyle(cell).paddingLeft);
      return word.getBoundingClientRect().left - cell.getBoundingClientRect().left - indent;
    })`)) as number[];
    expect(Math.min(...signs)).toBeGreaterThan(5);
    const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1');
    expect(pdf.match(/\/Type\s*\/Page\b/g)).toHaveLength(2);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(problems).toEqual([]);
  },
);

import { page as reportPage } from '../../packages/cli/report';
import { browserTest, openTab, violations } from './page';

const MARKUP = '<img src=x onerror="window.hacked = 1">';
const days = Array.from({ length: 31 }, (_, day) => [String(day + 1).padStart(2, '0'), 290 + day, 3]);

browserTest(
  'the page of a report shows tables with a bar for each number, is accessible in light and in dark, and runs nothing',
  async () => {
    const parts = [
      `A month of ${MARKUP}.`,
      { caption: 'Criteria', head: ['CRITERION', 'MET'], cells: [[MARKUP, 'yes']] },
      { caption: 'Jobs', head: ['DAY', 'SUCCEEDED', 'DEAD'], cells: days },
      { caption: 'Nothing', head: ['SERVICE', 'USD'], cells: [] },
    ];
    const { page, problems } = await openTab();
    await page.setContent(reportPage(MARKUP, parts));

    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
    }
    const bars = await page.locator('td[style]').evaluateAll((cells) => cells.map((one) => one.getAttribute('style')));
    expect([bars.length, bars[0], bars.at(-2)]).toEqual([62, '--part: 90.625%', '--part: 100%']);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(problems).toEqual([]);
  },
);

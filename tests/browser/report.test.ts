import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { page as reportPage } from '../../packages/cli/report-page';
import { browserTest, openTab, violations } from './page';

const MARKUP = '<img src=x onerror="window.hacked = 1">';
const labels = Array.from({ length: 31 }, (_, day) => String(day + 1).padStart(2, '0'));

const folder = mkdtempSync(join(tmpdir(), 'report-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

browserTest(
  'the page of a report shows tables and charts with axes, is accessible in light and in dark, and runs nothing',
  async () => {
    const parts = [
      `A month of ${MARKUP}.`,
      { caption: 'Criteria', head: ['CRITERION', 'MET'], cells: [[MARKUP, 'yes']] },
      {
        chart: 'Jobs',
        unit: 'jobs',
        labels,
        series: { succeeded: labels.map((_, day) => 290 + day), dead: labels.map(() => 3) },
      },
      { chart: 'Nothing', unit: 'USD', labels: [], series: { cost: [] } },
    ];
    const file = join(folder, 'page.html');
    writeFileSync(file, reportPage(MARKUP, parts));
    const { page, problems, close } = await openTab();

    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.goto(`file://${file}`);
      expect(await violations(page)).toEqual([]);
    }
    expect(await page.locator('figure').first().locator('rect').count()).toBe(62);
    expect(await page.locator('svg').first().locator('text').allTextContents()).toEqual(
      expect.arrayContaining(['0', '100', '200', '300', '400', '01', '31']),
    );
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(problems).toEqual([]);
    await close();
  },
);

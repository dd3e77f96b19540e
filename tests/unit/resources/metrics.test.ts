import { globSync, readFileSync } from 'node:fs';
import { metricsOf } from '../../../resources/cost';
import { templateOf } from '../../support/packages';

/** The names in calls of `metrics.add`. */
const measured = globSync('lib/**/*.ts').flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/metrics\.add\(\s*'(\w+)'/g)].map(([, name = '']) => name),
);

test('the code measures what an alarm or the dashboard shows, and nothing else, because each metric costs money', async () => {
  const { inAlarms, inDashboard } = metricsOf((await templateOf('prod')).Resources);
  const shown = [...inAlarms, ...inDashboard].filter(([namespace]) => namespace === 'mht-api');

  expect([...new Set(measured)].sort()).toEqual([...new Set(shown.map(([, name]) => name))].sort());
  const dimensions = shown.flatMap((metric) => metric.filter((_, at) => at > 1 && at % 2 === 0));
  expect(new Set(dimensions)).toEqual(new Set(['queue', 'vendor']));
});

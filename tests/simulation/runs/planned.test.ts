import { PLANNED } from '../draw/planned';
import { runPlans } from '../draw/property';

const RARE = [
  'call through a circuit that has just opened',
  ...['step invitation unknown', 'step notification unknown', 'state cancelled(superseded)'],
  ...['resolved as done', 'resolved as skipped'],
];

test('the planned runs reach what drawn runs reach rarely, and keep every promise', async () => {
  const { reached, failure } = await runPlans(PLANNED);

  expect(failure).toBeUndefined();
  expect(RARE.filter((what) => !reached.has(what))).toEqual([]);
});

import { environmentSchemas } from '../../../lib/config/functions';
import { VARIABLES } from '../../../lib/instances/variables';

/** The instance's name, its queues, its bus and the schedule give these. npm start sets RECONCILE_EVERY. */
const DERIVED = ['DLQ_DEPTHS', 'INSTANCE', 'TABLE', 'QUEUES', 'EVENT_BUS', 'STAGE', 'REGION', 'RECONCILE_EVERY'];

test('every variable of a function comes from a setting of the instance', () => {
  const read = new Set(Object.values(environmentSchemas).flatMap(({ shape }) => Object.keys(shape)));

  expect([...read].filter((name) => !(name in VARIABLES) && !DERIVED.includes(name))).toEqual([]);
  expect(Object.keys(VARIABLES).filter((name) => !read.has(name))).toEqual([]);
});

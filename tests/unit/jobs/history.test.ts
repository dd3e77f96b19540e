import { appended } from '../../../lib/jobs/row';

test('a full list keeps how it began and what came last', () => {
  let list: number[] = [];
  for (let entry = 1; entry <= 1_000; entry++) list = appended(list, entry);

  expect(list).toHaveLength(100);
  expect(list.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  expect(list.slice(50)).toEqual(Array.from({ length: 50 }, (_, index) => index + 951));
});

import { shapeOf } from '../../../lib/ops/shape';

test('the shape of data tells the names and kinds of its fields, and hides a name that may be an address', () => {
  const data = { user: { 'jane@example.com': 1 }, subject: 'Hello', tags: ['a'], 'jane@example.com': null };

  expect(shapeOf(data)).toEqual({
    user: 'object with 1 fields',
    subject: 'text, 5 characters',
    tags: 'list of 1',
    hidden: 'null',
  });
});

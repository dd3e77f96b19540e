import { edits } from '../support/add-a-queue';

test('a queue takes three new files, and lines in six others beside what is copied', () => {
  const files = (kind: 'file' | 'created') => [...new Set(edits.map((edit) => edit[kind]).filter(Boolean))];

  expect(files('created')).toHaveLength(3);
  expect(files('file')).toHaveLength(6);
});

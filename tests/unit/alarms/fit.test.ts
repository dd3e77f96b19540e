import { cut, LIMITS, withinLimits } from '../../../lib/alarms/embed';

test('fields have priority over the description, which is left out when no space remains', () => {
  const fields = Array(5).fill({ name: 'n'.repeat(175), value: 'v'.repeat(LIMITS.fieldValue) });
  const embed = withinLimits({ title: 'title', description: 'd'.repeat(LIMITS.description), color: 1, fields });

  expect(embed.fields?.length).toBe(5);
  expect(embed.description).toBeUndefined();
});

test('cutting a text never splits a character', () => {
  expect(cut('ab🔴cd', 4)).toBe('ab…');
  expect(cut('ab🔴cd', 5)).toBe('ab🔴…');
  expect(cut('abc', 3)).toBe('abc');
});

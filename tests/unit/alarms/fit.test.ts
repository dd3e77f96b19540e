import { cut, LIMITS, withinLimits } from '../../../lib/alarms/fit';

const lengthOf = ({ title, description = '', fields = [], footer }: ReturnType<typeof withinLimits>): number =>
  [title, description, footer?.text ?? '', ...fields.flatMap(({ name, value }) => [name, value])].join('').length;

test('many long fields, a long description and a footer together stay below the limit of an embed', () => {
  const embed = withinLimits({
    title: 'x'.repeat(300),
    description: 'x'.repeat(5000),
    color: 1,
    fields: Array(30).fill({ name: 'n'.repeat(300), value: 'v'.repeat(2000) }),
    footer: { text: 'f'.repeat(3000) },
  });

  expect(lengthOf(embed)).toBeLessThanOrEqual(LIMITS.total);
  expect(embed.fields?.length).toBeGreaterThan(1);
});

test('fields have priority over the description, which is left out when no space remains', () => {
  const fields = Array(5).fill({ name: 'n'.repeat(175), value: 'v'.repeat(LIMITS.fieldValue) });
  const embed = withinLimits({ title: 'title', description: 'd'.repeat(LIMITS.description), color: 1, fields });

  expect(embed.fields?.length).toBe(5);
  expect(embed.description).toBeUndefined();
});

test('short texts stay unchanged, and an empty field is removed', () => {
  const field = { name: 'Value', value: '3', inline: true };

  expect(withinLimits({ title: 't', color: 1, fields: [field, { name: 'Links', value: ' ' }] })).toEqual({
    title: 't',
    color: 1,
    fields: [field],
  });
});

test('cutting a text never splits a character', () => {
  expect(cut('ab🔴cd', 4)).toBe('ab…');
  expect(cut('ab🔴cd', 5)).toBe('ab🔴…');
  expect(cut('abc', 3)).toBe('abc');
});

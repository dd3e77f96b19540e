import type { Instance } from './instance';
import type { Problem } from './problems';

/** Values of the examples under instances/. None of them can work. */
const EXAMPLE = [
  /^0{12}$/,
  /^0{8}-0000-4000-8000-0{11}[01]$/,
  /^ABCDE12345$/,
  /^team-bucket(-staging)?$/,
  /\bexample\b/,
  /^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/,
];

/** The settings of an instance that still hold an example's value. */
export const placeholders = ({ settings }: Instance): Problem[] =>
  texts(settings)
    .filter(({ text }) => EXAMPLE.some((pattern) => pattern.test(text)))
    .map(({ path }) => ({ path, rule: 'still holds the value of the example' }));

function texts(value: unknown, path = ''): { path: string; text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => texts(child, path === '' ? key : `${path}.${key}`));
}

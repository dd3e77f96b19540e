import * as z from 'zod';
import { jsonOf } from '../text';

export const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      const value = jsonOf(text);
      if (value === undefined) context.addIssue({ code: 'custom', message: 'must be JSON' });
      return value;
    })
    .pipe(schema);

export const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean),
  );

/**
 * A secret, or a reference to it: `ssm:/path` or `secretsmanager:name`. Variables parsed with this schema are treated
 * as secrets: `realSecret` reads them, their function gets a permission, and a template refuses them as plain text.
 */
export const secret = z.string().min(1).brand<'Secret'>();
export type SecretReference = z.infer<typeof secret>;

export const seconds = z.coerce.number().min(0).max(43_200);
export const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _');

import * as z from 'zod';

/** What the settings of an instance's file are made of. */

/** A table of settings. The message about an unknown one holds the known ones, for `problemsOf`. */
export const table = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : undefined),
  });
/** A table that may be left out, as may each of its settings. */
export const section = <S extends z.ZodRawShape>(shape: S) =>
  table(shape)
    .partial()
    .prefault({} as never);

export const matching = (pattern: RegExp, rule: string) => z.string().regex(pattern, rule);
export const whole = (min: number, max: number) => z.number().int().min(min).max(max);

export const text = z.string().min(1).max(256);
export const seconds = whole(0, 43_200);
export const secretSetting = (what: string) =>
  text.describe(
    `${what}: ssm:/path or secretsmanager:name, with #key if it is JSON with several values. Only the local stage may hold the secret itself`,
  );

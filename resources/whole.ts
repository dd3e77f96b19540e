import { z } from 'zod';

/** A whole number, or text that holds one: parameters from the command line (`--param visibility=300`) are text. */
export const whole = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z
      .number('must be a whole number')
      .int('must be a whole number')
      .min(min, `must be >= ${min}`)
      .max(max, `must be <= ${max}`),
  );

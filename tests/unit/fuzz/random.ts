import fc from 'fast-check';

/** The bad inputs of all entries together. `FUZZ_RUNS=100000 npm test -- tests/unit/fuzz` tries more. */
const total = Number(process.env.FUZZ_RUNS ?? 6_000);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/** The options of a property that takes this part of all inputs. */
export const share = (part: number) => ({ numRuns: Math.ceil(total * part), seed });

/** Call it in each file, so that a failure can be repeated. */
export const printSeed = (): void => console.info(`SEED=${seed} FUZZ_RUNS=${total}`);

/** Stands for personal data. No output may hold it. */
export const MARK = 'zq-mark@example.com';

const SURROGATES = { first: 0xd800, count: 0x800 };

/**
 * Any character. The unit "binary" of fast-check draws the same, but builds a map of all million characters, for seconds,
 * to find which of its dangerous words they make. This finds it character by character.
 */
export const character = fc.integer({ min: 0, max: 0x10ffff - SURROGATES.count }).map(
  (n) => String.fromCodePoint(n < SURROGATES.first ? n : n + SURROGATES.count),
  (text) => {
    const point = String(text).codePointAt(0) ?? -1;
    return point < SURROGATES.first ? point : point - SURROGATES.count;
  },
);

const names = ['constructor', '__proto__', '..'];
const words = [...names, '\u001b[2J', '\u009b31m\u202e', '\ud800', '1e999', 'x'.repeat(5_000), '', '0'];
export const text = fc.oneof(
  fc.string({ unit: character, maxLength: 60 }),
  fc.constantFrom(...words).map((word) => `${MARK}${word}`),
  fc.constantFrom(...words),
);

/** Any JSON value. Names are valid ones of our messages or anything. */
export const named = (names: readonly string[]) =>
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...names), text), tie('value'), { maxKeys: 6 }),
    ),
  })).value;

/** A body: a text, or such a value as JSON. */
export const bodyOf = (value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.oneof(
    text,
    value.map((drawn) => JSON.stringify(drawn) ?? ''),
  );

/** A good value in which up to two fields are anything, so that a bad value gets past the checks of the others. */
export const damaged = (good: object): fc.Arbitrary<Record<string, unknown>> => {
  const names = Object.keys(good);
  return fc
    .array(fc.tuple(fc.constantFrom(...names), named(names)), { maxLength: 2 })
    .map((changes) => ({ ...good, ...Object.fromEntries(changes) }));
};

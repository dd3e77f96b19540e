import { isDeepStrictEqual } from 'node:util';

/** Counts checks and prints a line for each. The last line is `N passed, N failed`. */
export function createReport() {
  let passed = 0;
  let failed = 0;
  const check = (name: string, ok: boolean, seen?: unknown) => {
    if (ok) passed += 1;
    else failed += 1;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}${ok || seen === undefined ? '' : `\n     ${describe(seen)}`}`);
  };
  return {
    check,
    equal: (name: string, actual: unknown, expected: unknown) =>
      check(name, isDeepStrictEqual(actual, expected), `is ${describe(actual)}, expected ${describe(expected)}`),
    /** An error counts as a failed check. The next section still runs. */
    async section(name: string, run: () => Promise<void>) {
      console.log(`\n${name}`);
      try {
        await run();
      } catch (error) {
        check(`${name} runs to its end`, false, error instanceof Error ? error.message : error);
      }
    },
    finish(): number {
      console.log(`\n${passed} passed, ${failed} failed`);
      return failed === 0 ? 0 : 1;
    },
  };
}

export type Report = ReturnType<typeof createReport>;

const describe = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value)) ?? 'undefined';

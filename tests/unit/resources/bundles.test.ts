import { bundled, HANDLERS } from '../../support/bundles';

/** The most bytes that a function may load at its cold start. Most of a bundle is libraries. */
const LIMIT: Record<string, number> = { 'analytics.ts': 600_000 };
const LIMIT_OF_OTHERS = 850_000;

test.each(HANDLERS)('the bundle of %s is small', async (handler) => {
  const { code } = await bundled({ handler });
  expect(code.length).toBeLessThan(LIMIT[handler] ?? LIMIT_OF_OTHERS);
});

import { bundled, HANDLERS } from '../../support/bundles';

const KIB = 1024;
/**
 * The most that a function may load at its cold start. Most of a bundle is libraries: the clients of SSM and EventBridge
 * alone take 210 KiB of the two largest.
 */
const LIMIT: Record<string, number> = {
  'analytics.ts': 600 * KIB,
  'feedback.ts': 970 * KIB,
  'testflight.ts': 930 * KIB,
};
const LIMIT_OF_OTHERS = 900 * KIB;

test.each(HANDLERS)('the bundle of %s is small', async (handler) => {
  const { code } = await bundled({ handler });
  expect(code.length).toBeLessThan(LIMIT[handler] ?? LIMIT_OF_OTHERS);
});

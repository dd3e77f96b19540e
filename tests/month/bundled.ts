import { createRequire } from 'node:module';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import { bundle, type SourceChange } from '../simulation/draw/bundle';
import type { play } from './play';

/**
 * Bundles `play`, as it is and with each of these mutants. Outside of Jest's modules, and without the names that tsx
 * gives each function, a day takes two thirds of the time.
 */
export async function bundledPlay(
  mutants: Record<string, readonly SourceChange[]> = {},
): Promise<(mutant?: string) => typeof play> {
  const script = await bundle(mutants, join(__dirname, 'play.ts'));
  return (mutant = '') => {
    const module = { exports: {} as { play: typeof play } };
    const run = compileFunction(script, ['require', 'module', 'exports', 'mutant']);
    run(createRequire(__filename), module, module.exports, mutant);
    return module.exports.play;
  };
}

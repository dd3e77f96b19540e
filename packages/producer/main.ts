import { parseArgs } from 'node:util';
import { packProducer } from './pack';

/** `npm run pack:producer`: writes the tarball and prints its path. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'dist' } } });
  process.stdout.write(`${await packProducer(values.out)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

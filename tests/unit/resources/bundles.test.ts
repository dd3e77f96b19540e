import { globSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { basename, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { unzipSync } from 'fflate';
import { localPackage } from '../../support/packages';

/** The most bytes of a compressed bundle, which Lambda loads at a cold start. Most of a bundle is libraries. */
const LIMIT: Record<string, number> = { 'analytics.zip': 212_000 };
const LIMIT_OF_OTHERS = 275_000;
/** A map is stored with the code, but only a bug reads it. */
const LIMIT_OF_MAP = 100_000;

test('the bundle of each function is small, and beside it lies its map, which leaves libraries out', async () => {
  const { directory } = await localPackage();
  const zips = globSync(join(directory, '*.zip')).map(
    (file) => [basename(file), unzipSync(readFileSync(file))] as const,
  );

  expect(zips.length).toBeGreaterThan(5);
  for (const [zip, files] of zips) {
    const [bundle = '', ...others] = Object.keys(files)
      .filter((name) => !name.endsWith('/'))
      .toSorted();
    const [code = new Uint8Array(), map = new Uint8Array()] = [files[bundle], files[`${bundle}.map`]];
    expect([zip, others]).toEqual([zip, [`${bundle}.map`]]);
    const largest = { code: LIMIT[zip] ?? LIMIT_OF_OTHERS, map: LIMIT_OF_MAP };
    for (const [what, bytes] of Object.entries({ code, map }))
      expect([zip, what, deflateSync(bytes).length <= largest[what as 'code']]).toEqual([zip, what, true]);
  }
});

test('the map of a bundle finds the file and line of the source', async () => {
  const { directory } = await localPackage();
  const files = unzipSync(readFileSync(join(directory, 'feedback.zip')));
  const text = (name: string) => Buffer.from(files[name] ?? []).toString();
  const map = new SourceMap(JSON.parse(text('handlers/feedback.js.map')) as ConstructorParameters<typeof SourceMap>[0]);
  const lines = text('handlers/feedback.js').split('\n');
  const line = lines.findIndex((code) => code.includes('a message could not be handled'));
  const column = lines[line]?.indexOf('"a message could not be handled"') ?? 0;

  const { originalSource = '', originalLine = 0 } = map.findEntry(line, column) as Record<string, never>;

  const [file = ''] = /lib\/engine\/worker\/batch\.ts$/.exec(originalSource) ?? [];
  const source = readFileSync(file, 'utf8').split('\n');
  expect(source[originalLine]).toContain('a message could not be handled');
});

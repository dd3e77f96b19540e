import { writeFileSync } from 'node:fs';
import { biomeText } from './layers';

/** `npm run layers`: writes the rules of biome.json from the README's table. */
writeFileSync('biome.json', biomeText());

import { writeFileSync } from 'node:fs';
import { schemaText } from './json-schema';
import { FOLDER } from './read';

// `npm run schemas`
writeFileSync(`${FOLDER}/schema.json`, schemaText());

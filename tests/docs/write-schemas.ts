import { writeFileSync } from 'node:fs';
import { schemaFiles } from './schemas';

// `npm run schemas`
for (const [file, text] of Object.entries(schemaFiles())) writeFileSync(file, text);

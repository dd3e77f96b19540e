import { writeFileSync } from 'node:fs';
import { counts, STORED } from './count';

void counts().then((counted) => writeFileSync(STORED, `${JSON.stringify(counted, null, 2)}\n`));

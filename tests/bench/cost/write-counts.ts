import { writeFileSync } from 'node:fs';
import { COUNTS } from '../../../resources/cost';
import { counts } from './count';

void counts().then((counted) => writeFileSync(COUNTS, `${JSON.stringify(counted, null, 2)}\n`));

import { writeFileSync } from 'node:fs';
import { counts } from './count';

void counts().then((counted) => writeFileSync('tests/bench/cost/counts.json', `${JSON.stringify(counted, null, 2)}\n`));

import { testMutants } from './catch';

testMutants(({ by }) => typeof by !== 'string');

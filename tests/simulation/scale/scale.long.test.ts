import { testMutants } from '../mutants/catch';
import { SCALE_PLANS } from './plans';

testMutants(
  ({ by }) => typeof by === 'string',
  SCALE_PLANS.map(({ name }) => ({ name, by: name })),
);

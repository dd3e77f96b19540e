import { RUNS, testFaults } from './one-fault';

testFaults(RUNS, { faults: 'one' });

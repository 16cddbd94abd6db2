export { eventually } from '../../lib/driver-testing/eventually.js';

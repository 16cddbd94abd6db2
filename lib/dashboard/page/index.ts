export { pageOf, policyOf } from './page.js';

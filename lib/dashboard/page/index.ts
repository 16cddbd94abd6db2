export { pageOf, type PageSettings, policyOf } from './page.js';

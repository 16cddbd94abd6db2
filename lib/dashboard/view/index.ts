export { viewOf } from './view.js';

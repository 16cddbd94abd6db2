export { RIGHTS } from './connection/index.js';

export { coordinationConfig } from './coordination.config.js';

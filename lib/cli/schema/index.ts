export { addSchema } from './schema.command.js';

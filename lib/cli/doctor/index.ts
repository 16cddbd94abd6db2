export { addDoctor } from './doctor.command.js';
export { readOptions } from './examined.js';
export { within } from './measure.js';

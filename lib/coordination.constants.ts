export const COORDINATION_OPTIONS = Symbol.for('nestjs-coordination:options');
export const COORDINATION_MODULE_NAME = Symbol.for('nestjs-coordination:module-name');
/** Within one module: the coordinator that this module provides. */
export const OWN_COORDINATOR = Symbol.for('nestjs-coordination:own-coordinator');

/**
 * The injection token of the module's options, for tests that override them.
 *
 * @example
 * Test.createTestingModule({ imports: [AppModule] })
 *   .overrideProvider(COORDINATION_MODULE_OPTIONS)
 *   .useValue({ backendUrl: 'memory:' });
 *
 * @publicApi
 */
export const COORDINATION_MODULE_OPTIONS = Symbol.for('nestjs-coordination:options');
/** Within one module: the name of its coordinator. */
export const COORDINATION_MODULE_NAME = Symbol.for('nestjs-coordination:module-name');
/** Within one module: the coordinator that this module provides. */
export const OWN_COORDINATOR = Symbol.for('nestjs-coordination:own-coordinator');

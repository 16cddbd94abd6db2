/**
 * Whether what takes long is run at its full length, and on every set-up: `COORDINATION_TESTS=thorough npm test`. Without it each has a short form,
 * so that the tests take some minutes.
 */
export const THOROUGH = process.env['TESTS_AT_FULL_LENGTH'] === 'true';

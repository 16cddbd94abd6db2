import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

/** Programs of this repository run at its root. */
const FOLDER = resolve('test/bench/peers');

export const HOW_TO_INSTALL = 'npm ci --prefix test/bench/peers';

export function peersInstalled(): boolean {
  return existsSync(join(FOLDER, 'node_modules'));
}

/** Loads a package of that folder. Who asks for it says what it uses of it: the root does not depend on any of them. */
export function loadPeer(name: string): unknown {
  return createRequire(join(FOLDER, 'package.json'))(name);
}

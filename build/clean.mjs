// The first step of `npm run build`: what an earlier build has left would be bundled, or packed, with what is new.
import { rmSync } from 'node:fs';

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });

import { fileURLToPath } from 'node:url';
import type { BackendKind } from '../backend-kind.js';
import { onlyOne } from '../backend-url.js';

/** `file:` and `file:///dir`. */
export const fileBackend: BackendKind = {
  name: 'file',
  schemes: ['file'],
  bareUrl: true,
  options: {},
  urlKeys: [],
  claimedBy: () => undefined,
  problemsOf: () => [],
  factoryFor(urls) {
    const directory = directoryOf(onlyOne(urls).rest);
    return async (context) => {
      const { FileDriver } = await import('./file.driver.js');
      return new FileDriver(directory, context, context.looksOnly);
    };
  },
};

/** Undefined stands for the directory of this user. */
export function directoryOf(rest: string): string | undefined {
  if (rest === '' || rest === '//') return undefined;
  if (!/^(\/\/)?\/(?!\/)/.test(rest)) {
    throw new Error('a file: URL needs an absolute path, as in file:///var/lib/app/coordination');
  }
  try {
    return fileURLToPath(`file://${rest.replace(/^\/\//, '')}`);
  } catch (error) {
    throw new Error('the path of the file: URL cannot be read; percent-encode special characters in it', {
      cause: error,
    });
  }
}

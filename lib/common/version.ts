/** The version of this package. Not read from package.json, as bundlers leave that file behind. */
export const VERSION = '0.1.0';

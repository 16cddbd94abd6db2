/** The native part of the package, which ships no types: a CommonJS module that exports one object. */
declare module 'fs-native-extensions/binding.js' {
  /** Undefined where compilers that make CommonJS hand the exported object on as it is. */
  const binding: unknown;
  export default binding;
}

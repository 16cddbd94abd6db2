/** Gives a wrapper what other decorators, and Nest, read off a method: its name, its number of parameters and its metadata. */
export function copyFace(method: object, wrapper: object): void {
  for (const key of ['name', 'length'])
    Object.defineProperty(wrapper, key, { value: Reflect.get(method, key), configurable: true });
  for (const key of Reflect.getOwnMetadataKeys(method))
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), wrapper);
}

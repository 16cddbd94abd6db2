type Method = (...args: unknown[]) => unknown;

/**
 * The methods of the objects of a class, each with the prototype that has it. A method that the class overrides is left out. Accessors are
 * not called.
 */
export function methodsOf(prototype: unknown): { owner: object; name: string; method: Method }[] {
  const methods: { owner: object; name: string; method: Method }[] = [];
  const seen = new Set(['constructor']);
  for (let owner = prototype; isOwner(owner); owner = Object.getPrototypeOf(owner)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (typeof value === 'function') methods.push({ owner, name, method: value as Method });
    }
  }
  return methods;
}

function isOwner(owner: unknown): owner is object {
  return typeof owner === 'object' && owner !== null && owner !== Object.prototype;
}

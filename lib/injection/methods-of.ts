type Method = (...args: unknown[]) => unknown;

/** The methods of a class and of its base classes, each with the prototype that has it; accessors are not called. */
export function methodsOf(prototype: unknown): { owner: object; name: string; method: Method }[] {
  const methods: { owner: object; name: string; method: Method }[] = [];
  for (let owner = prototype; isOwner(owner); owner = Object.getPrototypeOf(owner)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner)))
      if (typeof value === 'function' && name !== 'constructor')
        methods.push({ owner, name, method: value as Method });
  }
  return methods;
}

function isOwner(owner: unknown): owner is object {
  return typeof owner === 'object' && owner !== null && owner !== Object.prototype;
}

/** The class that declares a method, from the target that a legacy method decorator gets; undefined for odd prototypes. */
export function declaringClass(target: object): Function | undefined {
  if (typeof target === 'function') return target;
  const own: unknown = Object.hasOwn(target, 'constructor') ? target.constructor : undefined;
  return typeof own === 'function' ? own : undefined;
}

/** The class and method as messages name them: `ShareService.update`. */
export function labelOf(target: object, propertyKey: string | symbol): string {
  const className = declaringClass(target)?.name;
  const method = typeof propertyKey === 'symbol' ? `[${String(propertyKey)}]` : `.${propertyKey}`;
  return `${className === undefined || className === '' ? '(anonymous class)' : className}${method}`;
}

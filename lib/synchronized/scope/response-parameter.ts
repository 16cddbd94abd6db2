/** The keys under which Nest keeps a route's parameters on the controller's class, and whether Nest answers all the same. */
const ROUTE_ARGUMENTS = '__routeArguments__';
const PASSTHROUGH = '__responsePassthrough__';

/** How Nest's keys of `@Res()` and of `@Next()` begin; the position of the parameter follows. */
const RESPONSE_OR_NEXT = /^[12]:/;

/** The keys on a method that make Nest answer for it whatever it has taken: `@Render()`, `@Redirect()`, `@Sse()`. */
const NEST_ANSWERS = ['__renderTemplate__', '__redirect__', '__sse__'];

/**
 * True when a route has taken its response, and Nest leaves the answer to it: by `@Res()` without `passthrough`, or by
 * `@Next()`. Known when the method's own decorators run, as those of its parameters have run before.
 */
export function takesResponse(target: object, propertyKey: string | symbol): boolean {
  if (Reflect.getMetadata(PASSTHROUGH, target.constructor, propertyKey) === true) return false;
  const parameters: unknown = Reflect.getMetadata(ROUTE_ARGUMENTS, target.constructor, propertyKey);
  if (typeof parameters !== 'object' || parameters === null) return false;
  return Object.keys(parameters).some((key) => RESPONSE_OR_NEXT.test(key));
}

/** True when Nest answers for a route all the same: with a page, a redirection, or a stream of events. */
export function nestAnswersFor(handler: object): boolean {
  return NEST_ANSWERS.some((key) => Reflect.hasMetadata(key, handler));
}

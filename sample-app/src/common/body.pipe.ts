import { BadRequestException, type PipeTransform } from '@nestjs/common';

/** Says what is wrong with a value, or undefined when nothing is. */
export type Check = (value: unknown) => string | undefined;

/**
 * Accepts a JSON body that has exactly these fields; everything that is wrong with it comes back in one 400.
 *
 * @example
 * extend(@Body(new BodyPipe<Extend>({ by: gibibytes })) { by }: Extend) {}
 */
export class BodyPipe<T extends object> implements PipeTransform<unknown, T> {
  constructor(private readonly checks: Readonly<Record<keyof T & string, Check>>) {}

  transform(body: unknown): T {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new BadRequestException([`the body must be a JSON object with ${this.#fields.join(', ')}`]);
    }
    const given = new Map<string, unknown>(Object.entries(body));
    const problems = [...given.keys()]
      .filter((field) => !this.#fields.includes(field))
      .map((field) => `${field} is unknown, known are ${this.#fields.join(', ')}`);
    for (const [field, check] of Object.entries<Check>(this.checks)) {
      const problem = check(given.get(field));
      if (problem !== undefined) problems.push(`${field} ${problem}`);
    }
    if (problems.length > 0) throw new BadRequestException(problems);
    return body as T;
  }

  get #fields(): string[] {
    return Object.keys(this.checks);
  }
}

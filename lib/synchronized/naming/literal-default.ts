import type { Expression } from 'acorn';

/** The value of a literal in the source of a class. */
export interface Literal {
  readonly value: string | number | boolean | bigint | null;
}

/**
 * The value of an expression that is a literal: a string, a number, a bigint (all also with a sign), a boolean (also as
 * minifiers write it: `!0`), null, or a template without expressions. Undefined for everything that has to be run.
 */
export function literalOf(expression: Expression): Literal | undefined {
  switch (expression.type) {
    case 'Literal': {
      if (typeof expression.bigint === 'string') return { value: BigInt(expression.bigint) };
      const { value } = expression;
      return value === undefined || value instanceof RegExp || expression.regex !== undefined
        ? undefined
        : { value };
    }
    case 'TemplateLiteral': {
      const [text, ...more] = expression.quasis;
      const cooked = text?.value.cooked;
      return more.length > 0 || typeof cooked !== 'string' ? undefined : { value: cooked };
    }
    case 'SequenceExpression': {
      // Coverage tools count in front of it: `page = (counter[0]++, 1)`.
      const last = expression.expressions.at(-1);
      return last && literalOf(last);
    }
    case 'ParenthesizedExpression':
      return literalOf(expression.expression);
    case 'UnaryExpression': {
      const operand = literalOf(expression.argument)?.value;
      return signed(expression.operator, operand);
    }
    default:
      return undefined;
  }
}

function signed(operator: string, operand: Literal['value'] | undefined): Literal | undefined {
  if (operator === '-' && (typeof operand === 'number' || typeof operand === 'bigint'))
    return { value: -operand };
  if (operator === '+' && typeof operand === 'number') return { value: operand };
  if (operator === '!' && typeof operand === 'number') return { value: !operand };
  return undefined;
}

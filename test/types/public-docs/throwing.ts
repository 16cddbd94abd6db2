import ts from 'typescript';

/** Tells which functions of the package throw, themselves or by a function of the package that they call. */
export class Throwing {
  readonly #known = new Map<ts.Node, boolean>();

  constructor(
    private readonly checker: ts.TypeChecker,
    private readonly isOurs: (file: ts.SourceFile) => boolean,
  ) {}

  /** A call through an interface, of which the compiler knows no body, does not count. */
  throws(declaration: ts.Node): boolean {
    const known = this.#known.get(declaration);
    if (known !== undefined) return known;
    // A function that calls itself throws by what else it does.
    this.#known.set(declaration, false);
    const body = (declaration as { readonly body?: ts.Node }).body;
    const result = body !== undefined && this.#within(body);
    this.#known.set(declaration, result);
    return result;
  }

  #within(node: ts.Node): boolean {
    if (ts.isThrowStatement(node)) return true;
    if (isMadeOnly(node)) return false;
    if (ts.isTryStatement(node) && node.catchClause) {
      // What is thrown in the block is the business of the catch clause.
      const rest = [node.catchClause.block, node.finallyBlock];
      return rest.some((part) => part !== undefined && this.#within(part));
    }
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && this.#callThrows(node)) return true;
    return ts.forEachChild(node, (child) => this.#within(child) || undefined) ?? false;
  }

  #callThrows(call: ts.CallExpression | ts.NewExpression): boolean {
    const called = this.checker.getResolvedSignature(call)?.getDeclaration() as ts.Node | undefined;
    if (called === undefined || !this.isOurs(called.getSourceFile())) return false;
    const symbol = this.checker.getSymbolAtLocation(
      ts.isPropertyAccessExpression(call.expression) ? call.expression.name : call.expression,
    );
    const target =
      symbol && symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol;
    // Of an overloaded function the declaration with the body counts.
    return [called, ...(target?.declarations ?? [])].some((declaration) => this.throws(declaration));
  }
}

/** A function that is made and not handed to another one throws where it is called, which counts there. */
function isMadeOnly(node: ts.Node): boolean {
  if (!ts.isFunctionExpression(node) && !ts.isArrowFunction(node)) return false;
  return !ts.isCallExpression(node.parent) && !ts.isNewExpression(node.parent);
}

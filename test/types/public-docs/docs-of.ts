import ts from 'typescript';
import type { PublicName } from './public-names.js';

/** What stands above a name: over all overloads of it, as editors show it too. */
export interface NameWithDocs {
  readonly path: string;
  readonly kind: PublicName['kind'];
  readonly declarations: readonly ts.Declaration[];
  /** The text of all docstrings, tags included. */
  readonly text: string;
  readonly hasSummary: boolean;
  readonly tags: ReadonlySet<string>;
}

/** Joins the overloads of a name to one. */
export function withDocs(names: readonly PublicName[]): NameWithDocs[] {
  const paths = new Map<string, PublicName[]>();
  for (const name of names) paths.set(name.path, [...(paths.get(name.path) ?? []), name]);
  return [...paths.values()].map((same) => {
    const [{ path, kind }] = same as [PublicName];
    const declarations = same.map(({ declaration }) => declaration);
    const docs = declarations.flatMap((each) => ts.getJSDocCommentsAndTags(each)).filter(ts.isJSDoc);
    return {
      path,
      kind,
      declarations,
      text: docs.map((doc) => doc.getText()).join('\n'),
      hasSummary: docs.some((doc) => (ts.getTextOfJSDocComment(doc.comment) ?? '').trim() !== ''),
      tags: new Set(docs.flatMap((doc) => doc.tags ?? []).map((tag) => tag.tagName.text)),
    };
  });
}

/** The parameters and results of a name that are plain numbers: their unit has to be told. */
export function numbersOf({ declarations }: NameWithDocs, checker: ts.TypeChecker): string[] {
  return declarations.flatMap((declaration) => {
    const type = checker.getTypeAtLocation(declaration);
    const signatures = type.getCallSignatures();
    if (signatures.length === 0) return isNumber(type, checker) ? ['it'] : [];
    return signatures.flatMap((signature) => [
      ...signature.parameters
        .filter((parameter) => isNumber(checker.getTypeOfSymbol(parameter), checker))
        .map((parameter) => parameter.name),
      ...(isNumber(signature.getReturnType(), checker) ? ['its result'] : []),
    ]);
  });
}

function isNumber(type: ts.Type, checker: ts.TypeChecker): boolean {
  const awaited = checker.getAwaitedType(type) ?? type;
  const parts = awaited.isUnion() ? awaited.types : [awaited];
  const meant = parts.filter((part) => !(part.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Void)));
  return meant.length > 0 && meant.every((part) => (part.flags & ts.TypeFlags.NumberLike) !== 0);
}

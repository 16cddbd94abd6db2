import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../../..');

/** A declaration that an application can see: an exported name, or a public member of one. */
export interface PublicName {
  /** Entry point, name and member, as a message shows it. */
  readonly path: string;
  readonly declaration: ts.Declaration;
  readonly kind: 'class' | 'function' | 'type' | 'value' | 'member';
}

/** The package's sources as the compiler sees them. */
export function packageProgram(): ts.Program {
  const file = join(ROOT, 'lib/tsconfig.lib.json');
  const { config } = ts.readConfigFile(file, (path) => readFileSync(path, 'utf8'));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, join(ROOT, 'lib'));
  return ts.createProgram(entryFiles(), { ...options, noEmit: true });
}

/** The sources of the entry points that package.json names. */
export function entryFiles(): string[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly types?: string }>>;
  };
  return Object.values(exports).flatMap((entry) => {
    const types = typeof entry === 'string' ? undefined : entry.types;
    return types === undefined
      ? []
      : [join(ROOT, types.replace('./dist/', 'lib/').replace(/\.d\.ts$/, '.ts'))];
  });
}

/** Each name that these entry files export, and each public member of it that is written in the same declaration. */
export function publicNames(program: ts.Program, entries: readonly string[]): PublicName[] {
  const checker = program.getTypeChecker();
  return entries.flatMap((file) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (!module) throw new Error(`${file} is no module of the program`);
    const entry = relative(ROOT, file);
    return checker.getExportsOfModule(module).flatMap((exported) => {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const path = `${entry}: ${exported.name}`;
      return (symbol.declarations ?? []).flatMap((declaration) => namesOf(path, declaration));
    });
  });
}

function namesOf(path: string, declaration: ts.Declaration): PublicName[] {
  const own: PublicName = { path, declaration, kind: kindOf(declaration) };
  if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) return [own];
  const members = [...declaration.members].filter(isPublic).map((member): PublicName => {
    const name = member.name?.getText() ?? (ts.isConstructorDeclaration(member) ? 'constructor' : '()');
    return { path: `${path}.${name}`, declaration: member, kind: 'member' };
  });
  return [own, ...members];
}

function kindOf(declaration: ts.Declaration): PublicName['kind'] {
  if (ts.isClassDeclaration(declaration)) return 'class';
  if (ts.isFunctionDeclaration(declaration)) return 'function';
  if (ts.isVariableDeclaration(declaration)) return 'value';
  return 'type';
}

function isPublic(member: ts.ClassElement | ts.TypeElement): boolean {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  if (ts.getCombinedModifierFlags(member) & hidden) return false;
  // What a symbol names, such as Symbol.asyncDispose, is told of by the language or by Node.
  if (member.name && (ts.isPrivateIdentifier(member.name) || ts.isComputedPropertyName(member.name)))
    return false;
  return !ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'internal');
}

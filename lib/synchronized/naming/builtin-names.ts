/** Names that every lock name may use; they win over parameters that are called the same. */
export const THIS_NAME = 'this';
export const FUNCTION_NAMES: readonly string[] = ['fName', 'f_name'];
export const CLASS_NAMES: readonly string[] = ['className', 'class_name'];

export function isBuiltinName(name: string): boolean {
  return name === THIS_NAME || FUNCTION_NAMES.includes(name) || CLASS_NAMES.includes(name);
}

export function onNodes(count: number): string {
  return `${count} Redis node${count === 1 ? '' : 's'}`;
}

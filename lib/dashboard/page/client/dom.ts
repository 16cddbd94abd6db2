/** The element of the page with that id; the page has all that its script asks for. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as querySelector has it
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as E;
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element with text or children. Names of locks come from users, so nothing here is ever read as HTML. */
export function make(
  tag: string,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElement {
  return fill(document.createElement(tag), attributes, children);
}

export function makeSvg(
  tag: string,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElement {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill<E extends Element>(
  element: E,
  attributes: Attributes,
  children: readonly (Node | string)[],
): E {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Only when it changes: a screen reader reads a live region again, and a selection is lost. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Shows one element for each row and keeps those of rows that stay, so that the focus stays where it is.
 * @param create makes the element of a row, given how to find the row's present state
 */
export function showRows<Row>(
  parent: HTMLElement,
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  update: (element: HTMLElement | undefined, row: Row) => HTMLElement,
): void {
  const before = new Map(
    [...parent.children].map((child) => [(child as HTMLElement).dataset['key'] ?? '', child as HTMLElement]),
  );
  const focused = parent.contains(document.activeElement)
    ? (document.activeElement as HTMLElement)
    : undefined;
  let place: ChildNode | null = parent.firstChild;
  for (const row of rows) {
    const key = keyOf(row);
    const element = update(before.get(key), row);
    before.delete(key);
    element.dataset['key'] = key;
    if (element === place) place = place.nextSibling;
    else parent.insertBefore(element, place);
  }
  for (const gone of before.values()) gone.remove();
  // Moving an element takes the focus off it.
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

/** Replaces what is in a cell, when that changes. */
export function setCell(cell: HTMLElement, ...children: readonly (Node | string)[]): void {
  const next = document.createElement(cell.tagName);
  next.append(...children);
  if (next.innerHTML !== cell.innerHTML) cell.replaceChildren(...next.childNodes);
}

export function chip(text: string, kind = ''): HTMLElement {
  return make('span', { class: `chip ${kind}`.trim() }, text);
}

/** A name such as `SharesService.extend`, which may be broken after its dots. */
export function functionName(name: string): HTMLElement {
  const parts = name.split(/(?<=\.)/);
  return make('code', {}, ...parts.flatMap((part, index) => (index === 0 ? [part] : [make('wbr'), part])));
}

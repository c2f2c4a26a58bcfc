// What the pages' modules are checked against (make lint); the file beside it has no types.
export declare class TemplateResult {
  strings: TemplateStringsArray;
  values: unknown[];
}
/** A value that may stand between the tags of a template. */
export type View = TemplateResult | Node | string | number | null | undefined | symbol | Directed | View[];
export declare class Directed {
  values: unknown[];
}
export interface Ref<T extends Element = Element> {
  readonly value?: T;
}
export declare function html(strings: TemplateStringsArray, ...values: unknown[]): TemplateResult;
export declare function svg(strings: TemplateStringsArray, ...values: unknown[]): TemplateResult;
export declare function render(
  view: View,
  container: HTMLElement | DocumentFragment,
  options?: { host?: object; renderBefore?: ChildNode | null },
): void;
export declare const nothing: unique symbol;
export declare function createRef<T extends Element = Element>(): Ref<T>;
export declare function ref(to: Ref<any> | ((element: Element | undefined) => void)): Directed;
export declare function live(value: unknown): Directed;
export declare function guard(deps: unknown[], view: () => View): Directed;
export declare function repeat<T>(items: Iterable<T>, key: (item: T) => unknown, view: (item: T) => View): Directed;

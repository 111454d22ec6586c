/**
 * jsdom computes an element's style by matching it against its whole default style sheet, at each call; queries by role
 * call for each element and its ancestors. Without style sheets of the page's own, elements of the same name have the
 * same style, unless an attribute says otherwise.
 */
export function rememberStyles(): void {
  const compute = window.getComputedStyle.bind(window);
  const known = new Map<string, CSSStyleDeclaration>();
  window.getComputedStyle = (element, pseudo) => {
    if (element.hasAttribute("style") || element.hasAttribute("hidden")) return compute(element, pseudo);
    const key = `${element.namespaceURI} ${element.localName} ${element.hasAttribute("open")}`;
    let style = known.get(key);
    if (!style) {
      style = compute(element);
      known.set(key, style);
    }
    return style;
  };
}

// Creation of page elements. Text is never parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Create an element. Properties `on…` add listeners, and `data` sets data attributes. `vars` sets custom CSS
 * properties, because the security policy forbids style attributes. Null and false children are omitted.
 * @param {string} tag
 * @param {Record<string, any>|null} [props]
 * @param {...(Node|string|null|false|undefined)} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, String(v));
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
  element.append(
    ...children.filter((c) => c !== null && c !== undefined && c !== false).map((c) => /** @type {Node|string} */ (c)),
  );
  return element;
}

/**
 * @param {string} name
 * @param {string} [extra]
 * @returns {SVGElement}
 */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${extra}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.body.dataset.icons}#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {Element} holder
 * @param {string} name
 */
export function setIcon(holder, name) {
  const use = holder.querySelector("use");
  const href = `${document.body.dataset.icons}#i-${name}`;
  if (use && use.getAttribute("href") !== href) use.setAttribute("href", href);
}

/**
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {any}
 */
export function requireElement(selector, root = document) {
  const element = root.querySelector(selector);
  if (!element) throw new Error(`The page has no element “${selector}”`);
  return element;
}

/**
 * Parse the JSON that Django's `json_script` filter wrote into the page.
 * @param {string} id
 * @returns {any}
 */
export function readPageData(id) {
  return JSON.parse(requireElement(`#${id}`).textContent);
}

/**
 * Set an element's text only if it differs, so that the browser need not lay out the page again.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Return a function that runs `call` after `wait` milliseconds. Each further call of the function restarts the wait.
 * @template {(...args: any[]) => void} F
 * @param {F} call
 * @param {number} wait
 * @returns {F & {cancel: () => void, flush: () => void}} `flush` makes a waiting call at once.
 */
export function debounce(call, wait) {
  let timer = 0;
  let waiting = () => {};
  const run = () => {
    const due = waiting;
    waiting = () => {};
    due();
  };
  const later = /** @type {any} */ (
    (/** @type {any[]} */ ...args) => {
      clearTimeout(timer);
      waiting = () => call(...args);
      timer = window.setTimeout(run, wait);
    }
  );
  later.cancel = () => {
    clearTimeout(timer);
    waiting = () => {};
  };
  later.flush = () => {
    clearTimeout(timer);
    run();
  };
  return later;
}

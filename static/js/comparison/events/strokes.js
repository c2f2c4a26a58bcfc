// The strokes of a drawing: their shapes on a frame of any size, and how they are made small enough to keep. Points are
// fractions of the displayed frame; widths, and the height of letters, thousandths of its width. Pure but for the
// elements that it makes.

const SVG = "http://www.w3.org/2000/svg";
const WIDE = 1000; // units across the frame
const NEAREST = 0.002; // of the frame: nearer points are left out
const MAX_POINTS = 1500; // of one stroke
const HEAD = 5; // of an arrow, in widths
const MAX_BYTES = 60_000; // the server takes 64 KB

/**
 * @typedef {"pen"|"line"|"arrow"|"box"|"ellipse"|"text"} Tool
 * @typedef {{tool: Tool, color: string, width: number, points: number[][], text?: string}} Stroke
 */

/** @param {number} value @returns {number} within the frame, to a ten-thousandth of it */
function kept(value) {
  return Math.round(Math.min(Math.max(value, 0), 1) * 10_000) / 10_000;
}

/**
 * The stroke with one more point; where the tool has two, the second is moved.
 * @param {Stroke} stroke
 * @param {number} x
 * @param {number} y
 * @returns {Stroke} the same where the point says nothing new
 */
export function extended(stroke, x, y) {
  const point = [kept(x), kept(y)];
  if (stroke.tool !== "pen") return { ...stroke, points: [stroke.points[0], point] };
  const [lastX, lastY] = stroke.points[stroke.points.length - 1];
  if (Math.hypot(point[0] - lastX, point[1] - lastY) < NEAREST || stroke.points.length >= MAX_POINTS) return stroke;
  return { ...stroke, points: [...stroke.points, point] };
}

/** @param {Tool} tool @param {string} color @param {number} width @param {number} x @param {number} y @returns {Stroke} */
export function begun(tool, color, width, x, y) {
  return { tool, color, width, points: [[kept(x), kept(y)]] };
}

/** @param {Stroke} stroke @returns {boolean} whether it can be seen */
export function isVisible({ tool, points, text }) {
  return tool === "pen" || (tool === "text" ? Boolean(text) : points.length > 1);
}

/** @param {Stroke[]} strokes @returns {boolean} whether the server will take them */
export function fits(strokes) {
  return JSON.stringify({ strokes }).length <= MAX_BYTES;
}

/**
 * The outline of a stroke, as SVG writes a path.
 * @param {Stroke} stroke but of text
 * @param {number} high units from top to bottom
 * @returns {string}
 */
export function outlineOf({ tool, width, points }, high) {
  const all = points.map(([x, y]) => [x * WIDE, y * high]);
  const [x0, y0] = all[0];
  const [x1, y1] = all[all.length - 1];
  const number = (/** @type {number} */ v) => String(Math.round(v * 10) / 10);
  const path = (/** @type {number[][]} */ list) => `M${list.map(([x, y]) => `${number(x)} ${number(y)}`).join("L")}`;
  if (tool === "box")
    return `${path([
      [x0, y0],
      [x1, y0],
      [x1, y1],
      [x0, y1],
    ])}Z`;
  if (tool === "ellipse") {
    const [rx, ry] = [Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2].map(number);
    const [left, right, middle] = [Math.min(x0, x1), Math.max(x0, x1), (y0 + y1) / 2].map(number);
    return `M${left} ${middle}A${rx} ${ry} 0 1 0 ${right} ${middle}A${rx} ${ry} 0 1 0 ${left} ${middle}Z`;
  }
  if (tool === "arrow" && all.length > 1) {
    const length = Math.min(HEAD * Math.max(width, 3), Math.hypot(x1 - x0, y1 - y0) / 2);
    const angle = Math.atan2(y1 - y0, x1 - x0);
    const side = (/** @type {number} */ by) => [x1 - length * Math.cos(angle + by), y1 - length * Math.sin(angle + by)];
    return path([[x0, y0], [x1, y1], side(0.5), [x1, y1], side(-0.5)]);
  }
  // A dot is a line to itself.
  return path(all.length > 1 ? all : [all[0], all[0]]);
}

/**
 * @param {Stroke[]} strokes
 * @param {number} aspect of the frame, its width by its height
 * @returns {SVGElement} as large as what holds it
 */
export function picture(strokes, aspect) {
  const high = WIDE / aspect;
  const svg = element("svg", {
    class: "strokes",
    viewBox: `0 0 ${WIDE} ${high}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  for (const stroke of strokes.filter(isVisible)) {
    const { color, width } = stroke;
    if (stroke.tool === "text") {
      const [x, y] = stroke.points[0];
      const letters = element("text", {
        x: x * WIDE,
        y: y * high,
        fill: color,
        "font-size": width,
        "stroke-width": width / 8,
      });
      letters.textContent = stroke.text ?? "";
      svg.append(letters);
      continue;
    }
    const d = outlineOf(stroke, high);
    // Dark below, so that it is seen on a picture of its own colour.
    svg.append(
      element("path", { d, class: "below", "stroke-width": width + 3 }),
      element("path", { d, stroke: color, "stroke-width": width }),
    );
  }
  return svg;
}

/** @param {string} name @param {Record<string, string|number>} attributes @returns {SVGElement} */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

// Shapes and size limits of the strokes in a drawing. Points are fractions of the frame's size. Line widths and letter
// heights are thousandths of the frame's width.

const SVG = "http://www.w3.org/2000/svg";
const WIDE = 1000;
const NEAREST = 0.002; // minimum distance between two points of a stroke, as a fraction of the frame's size
const MAX_POINTS = 1500;
const HEAD = 5; // length of an arrowhead as a multiple of the line width
const MAX_BYTES = 60_000; // maximum bytes of a drawing; the server's limit is 64 KB

/**
 * @typedef {"pen"|"line"|"arrow"|"box"|"ellipse"|"text"} Tool
 * @typedef {{tool: Tool, color: string, width: number, points: number[][], text?: string}} Stroke
 */

/** Limit a coordinate to 0 to 1, and round it to four decimals. @param {number} value @returns {number} */
const clampCoordinate = (value) => Math.round(Math.min(Math.max(value, 0), 1) * 10_000) / 10_000;

/**
 * Return the stroke with an added point. A pen stroke stays unchanged if the point is too near to its last point, or if
 * the stroke is full. Other strokes have two points, so the new point replaces the second.
 * @param {Stroke} stroke @param {number} x @param {number} y @returns {Stroke}
 */
export function extendStroke(stroke, x, y) {
  const point = [clampCoordinate(x), clampCoordinate(y)];
  if (stroke.tool !== "pen") return { ...stroke, points: [stroke.points[0], point] };
  const [lastX, lastY] = stroke.points[stroke.points.length - 1];
  if (Math.hypot(point[0] - lastX, point[1] - lastY) < NEAREST || stroke.points.length >= MAX_POINTS) return stroke;
  return { ...stroke, points: [...stroke.points, point] };
}

/** @param {Tool} tool @param {string} color @param {number} width @param {number} x @param {number} y @returns {Stroke} */
export function beginStroke(tool, color, width, x, y) {
  return { tool, color, width, points: [[clampCoordinate(x), clampCoordinate(y)]] };
}

/** @param {Stroke} stroke @returns {boolean} */
export const isVisible = ({ tool, points, text }) =>
  tool === "pen" || (tool === "text" ? Boolean(text) : points.length > 1);

/** Return whether the server accepts the size of these strokes. @param {Stroke[]} strokes @returns {boolean} */
export const isWithinLimits = (strokes) => JSON.stringify({ strokes }).length <= MAX_BYTES;

/**
 * Return the outline of a stroke as an SVG path. The stroke may be of any tool except text.
 * @param {Stroke} stroke @param {number} high @returns {string}
 */
export function makeOutline({ tool, width, points }, high) {
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
  return path(all.length > 1 ? all : [all[0], all[0]]);
}

/**
 * Return a picture of strokes that fills its container.
 * @param {Stroke[]} strokes
 * @param {number} aspect The frame's width divided by its height.
 * @returns {SVGElement}
 */
export function createPicture(strokes, aspect) {
  const high = WIDE / aspect;
  const svg = createSvg("svg", {
    class: "strokes",
    viewBox: `0 0 ${WIDE} ${high}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  for (const stroke of strokes.filter(isVisible)) {
    const { color, width } = stroke;
    if (stroke.tool === "text") {
      const [x, y] = stroke.points[0];
      const letters = createSvg("text", {
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
    const d = makeOutline(stroke, high);
    // A dark outline keeps a stroke visible on video of the same colour.
    svg.append(
      createSvg("path", { d, class: "below", "stroke-width": width + 3 }),
      createSvg("path", { d, stroke: color, "stroke-width": width }),
    );
  }
  return svg;
}

/** @param {string} name @param {Record<string, string|number>} attributes @returns {SVGElement} */
function createSvg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

// Pictures of stock, drawn and not photographed: solids on a floor, seen from the corner of a warehouse (isometric
// projection), each face in one of three tones. The tones come from the page that shows a picture, by custom properties.

export type Point = [x: number, y: number, z: number];
/** A solid drawn about its own origin: the far corner of its floor. */
export type Solid = string;
/** A solid and where its origin is; what is nearer comes later. */
export type Placed = [solid: Solid, at: Point];

const UNIT = 12;
const [COS, SIN] = [0.87, 0.5];

/** A cuboid: w to the right, d to the left, h up. */
export function box(w: number, d: number, h: number, { soft = false, tone = "" } = {}): Solid {
  const face = (name: string, ...corners: Point[]) => path(`M${corners.map(project).join("L")}Z`, name + tone, soft);
  return (
    face("left", [0, d, 0], [w, d, 0], [w, d, h], [0, d, h]) +
    face("right", [w, 0, 0], [w, d, 0], [w, d, h], [w, 0, h]) +
    face("top", [0, 0, h], [w, 0, h], [w, d, h], [0, d, h])
  );
}

/** A drum that stands: its origin is the corner of the square around it. @param hole radius of the opening, if it is a reel */
export function drum(r: number, h: number, hole = 0): Solid {
  const [rx, ry] = [r * UNIT * Math.SQRT2 * COS, r * UNIT * Math.SQRT1_2];
  const [x, y] = at([r, r, h]);
  const [, low] = at([r, r, 0]);
  const half = (side: number, name: string) =>
    path(
      `M${n(x)} ${n(y)}H${n(x + side * rx)}V${n(low)}A${n(rx)} ${n(ry)} 0 0 ${side < 0 ? 0 : 1} ${n(x)} ${n(low + ry)}Z`,
      name,
    );
  const lid = `<ellipse cx="${n(x)}" cy="${n(y)}" rx="${n(rx)}" ry="${n(ry)}" fill="var(--top)"/>`;
  const share = hole / r;
  const opening = `<ellipse cx="${n(x)}" cy="${n(y)}" rx="${n(rx * share)}" ry="${n(ry * share)}" fill="var(--left)"/>`;
  return half(-1, "left") + half(1, "right") + lid + (hole > 0 ? opening : "");
}

/** A roll that lies, its end towards the right. @param hole radius of the opening, if it is hollow */
export function roll(r: number, length: number, hole = 0): Solid {
  const arc = (x: number, from: number, to: number) =>
    [0, 1, 2, 3, 4, 5, 6].map((step): Point => {
      const turn = ((from + ((to - from) * step) / 6) * Math.PI) / 180;
      return [x, r + r * Math.cos(turn), r + r * Math.sin(turn)];
    });
  const band = (from: number, to: number, name: string) =>
    path(`M${[...arc(0, from, to), ...arc(length, to, from)].map(project).join("L")}Z`, name);
  const end = (radius: number, name: string) =>
    `<circle r="${n(radius * UNIT)}" fill="var(--${name})" transform="matrix(${-COS} ${SIN} 0 -1 ${project([length, r, r])})"/>`;
  return band(-45, 45, "left") + band(45, 135, "top") + end(r, "right") + (hole > 0 ? end(hole, "left") : "");
}

/** The sprite: for each name a symbol; solids that several pieces share stand in it once. */
export function sprite(scenes: Record<string, Placed[]>): string {
  const solids = [...new Set(Object.values(scenes).flatMap((placed) => placed.map(([solid]) => solid)))];
  const kept = solids.map((solid, index) => `<g id="s${index}">${solid}</g>`);
  const symbols = Object.entries(scenes).map(
    ([name, placed]) => `<symbol id="${name}" viewBox="-80 -50 160 100">${placed.map(use).join("")}</symbol>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg"><defs>${kept.join("")}</defs>${symbols.join("")}</svg>`;

  function use([solid, point]: Placed): string {
    const [x, y] = at(point);
    return `<use href="#s${solids.indexOf(solid)}" x="${n(x)}" y="${n(y)}"/>`;
  }
}

function path(d: string, tone: string, soft = false): string {
  const round = soft ? ` stroke="var(--${tone})" stroke-width="3" stroke-linejoin="round"` : "";
  return `<path d="${d}" fill="var(--${tone})"${round}/>`;
}

function project(point: Point): string {
  return at(point).map(n).join(" ");
}

function at([x, y, z]: Point): [number, number] {
  return [(x - y) * COS * UNIT, (x + y) * SIN * UNIT - z * UNIT];
}

function n(value: number): number {
  return Math.round(value * 10) / 10;
}

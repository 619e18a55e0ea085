import { box, drum, type Placed, type Point, roll, type Solid, sprite } from "./pictures.ts";

/** How many pictures there are of each category. */
export const VARIANTS = 3;

const WOOD = { tone: "-wood" };
const pallet: Placed[] = [
  ...row(box(0.35, 3.6, 0.25, WOOD), 3, [-2, -1.8, -0.75], [1.82, 0, 0]),
  ...row(box(4, 0.5, 0.15, WOOD), 4, [-2, -1.8, -0.5], [0, 1.03, 0]),
];
const FLOOR = -0.35;

/** Three pictures of each category of listings, as a sprite: "metals-0" and so on. */
export function pictures(): string {
  const all = Object.entries(scenes).flatMap(([category, variants]) =>
    variants.map((placed, index) => [`${category}-${index}`, placed] as const),
  );
  return sprite(Object.fromEntries(all));
}

const scenes: Record<string, [Placed[], Placed[], Placed[]]> = {
  metals: [
    [...pallet, ...pile(box(1.15, 0.7, 0.42), [3, 4, 4], [-1.85, -1.7, FLOOR], [1.27, 0.86, 0.44])],
    pyramid(roll(0.46, 4.4), 4, [-2.2, 1.3, -1], 0.94),
    row(roll(1.25, 1.15, 0.55), 3, [-2.4, -0.9, -1], [1.55, 0, 0]),
  ],
  machinery: [
    [
      ...one(box(3.8, 2.2, 1.1), -1.9, -1.1, -1.2),
      ...one(box(1.3, 2, 1.9), -1.9, -1, -0.1),
      ...one(roll(0.55, 1.5, 0.2), -0.5, -0.5, 0.1),
      ...one(box(0.8, 2, 1.1), 1, -1, -0.1),
    ],
    [
      ...one(box(3, 3, 0.5), -1.5, -1.5, -1.3),
      ...one(box(0.7, 2.4, 2.6), -1.3, -1.2, -0.8),
      ...one(box(2.1, 2.4, 0.7), -0.6, -1.2, 1.1),
      ...one(drum(0.5, 0.8), 0.2, -0.5, 0.3),
      ...one(box(1.8, 1.8, 0.3), -0.4, -0.9, -0.8),
    ],
    [
      ...one(box(4, 1.8, 0.5), -2, -0.9, -1.1),
      ...row(drum(0.62, 0.9), 3, [-1.8, -0.62, -0.6], [1.3, 0, 0]),
      ...row(drum(0.3, 0.7, 0.12), 3, [-1.48, -0.3, 0.3], [1.3, 0, 0]),
    ],
  ],
  timber: [
    [...pallet, ...pile(box(4, 0.5, 0.32), [1, 6, 6], [-2, -1.8, FLOOR], [0, 0.6, 0.36])],
    pyramid(roll(0.52, 4.2, 0.26), 4, [-2.1, 1.5, -1.1], 1.06),
    [...pallet, ...pile(box(3.8, 3.4, 0.16), [1, 1, 9], [-1.9, -1.7, FLOOR], [0, 0, 0.26])],
  ],
  plastics: [
    [...pallet, ...pile(box(1.5, 1.4, 1.5, { soft: true }), [2, 2, 1], [-1.75, -1.6, FLOOR], [1.85, 1.75, 1])],
    [...pallet, ...pile(box(1.7, 1, 0.26, { soft: true }), [2, 3, 5], [-1.85, -1.7, FLOOR], [1.95, 1.18, 0.46])],
    row(roll(0.6, 4, 0.42), 3, [-2, -2.1, -1], [0, 1.3, 0]).concat(
      one(roll(0.6, 4, 0.42), -2, -1.45, 0.1),
      one(roll(0.6, 4, 0.42), -2, -0.15, 0.1),
    ),
  ],
  textiles: [
    pyramid(roll(0.6, 3.6, 0.16), 3, [-1.8, 1.2, -1.1], 1.22),
    pile(drum(0.6, 2.4, 0.18), [3, 2, 1], [-2, -1.4, -1.2], [1.35, 1.35, 1]),
    pile(box(1.6, 1.3, 0.16, { soft: true }), [2, 2, 5], [-1.8, -1.5, -1], [1.95, 1.65, 0.36]),
  ],
  food: [
    [...pallet, ...pile(box(1.1, 1.6, 0.32, { soft: true }), [3, 2, 4], [-1.9, -1.75, FLOOR], [1.32, 1.85, 0.5])],
    pile(drum(0.82, 1.9), [2, 2, 1], [-1.75, -1.75, -1.1], [1.8, 1.8, 1]),
    crates([-1.9, -1.2, -1.1]),
  ],
  electronics: [
    row(box(0.22, 2.6, 2.2), 6, [-1.9, -1.3, -1.1], [0.66, 0, 0]),
    [...pallet, ...pile(box(1.75, 1.6, 0.7), [2, 2, 3], [-1.85, -1.7, FLOOR], [1.87, 1.75, 0.74])],
    [
      ...one(box(3.4, 3.4, 0.2), -1.7, -1.7, -0.9),
      ...one(box(1.5, 1.5, 0.35), -0.75, -0.75, -0.7),
      ...pile(box(0.7, 0.45, 0.25), [1, 3, 1], [-1.55, -1.3, -0.7], [0, 0.95, 0]),
      ...pile(box(0.7, 0.45, 0.25), [1, 3, 1], [0.95, -1.3, -0.7], [0, 0.95, 0]),
    ],
  ],
  packaging: [
    [
      ...pallet,
      ...pile(box(1.7, 1.55, 1.1), [2, 2, 1], [-1.85, -1.7, FLOOR], [1.9, 1.8, 1]),
      ...one(box(1.7, 1.55, 1.1), -0.9, -0.8, FLOOR + 1.1),
    ],
    [
      ...one(box(2.4, 2.4, 1.7), -1.9, -1.9, -1),
      ...one(box(1.2, 1.2, 0.9), 0.9, -0.5, -1),
      ...one(box(1.2, 1.2, 0.9), -0.7, 0.9, -1),
    ],
    pile(drum(0.52, 1.1, 0.2), [3, 3, 2], [-1.8, -1.8, -1.1], [1.2, 1.2, 1.16]),
  ],
  chemicals: [
    [...pallet, ...pile(drum(0.82, 1.9), [2, 2, 1], [-1.75, -1.65, FLOOR], [1.8, 1.72, 1])],
    [
      ...pallet,
      ...one(box(3.4, 3.1, 2.4, { soft: true }), -1.7, -1.55, FLOOR),
      ...one(drum(0.45, 0.25), -0.45, -0.45, FLOOR + 2.45),
    ],
    pile(box(0.8, 1.05, 1.2, { soft: true }), [3, 2, 1], [-1.7, -1.4, -1], [1.2, 1.5, 1]).concat(
      row(box(0.35, 0.35, 0.22), 3, [-1.5, -1.05, 0.28], [1.2, 0, 0]),
      row(box(0.35, 0.35, 0.22), 3, [-1.5, 0.45, 0.28], [1.2, 0, 0]),
    ),
  ],
  paper: [
    [...pallet, ...pile(box(1.75, 1.6, 0.44), [2, 2, 5], [-1.85, -1.7, FLOOR], [1.87, 1.75, 0.48])],
    row(roll(1.15, 1.7, 0.22), 2, [-1.9, -1, -1], [2.1, 0, 0]),
    pile(drum(1.05, 1.2, 0.22), [2, 1, 2], [-2.1, -1, -1.2], [2.2, 0, 1.25]),
  ],
  other: [
    [...pallet, ...one(box(3.6, 3.2, 2), -1.8, -1.6, FLOOR)],
    [
      ...one(box(2.2, 3, 1.3), -2, -1.5, -1.1),
      ...one(drum(0.7, 1.7), 0.6, -1.3, -1.1),
      ...one(box(1.3, 1.1, 0.8), 0.6, 0.4, -1.1),
    ],
    [
      ...pile(box(4.2, 1.5, 1.2), [1, 2, 1], [-2.1, -1.7, -1.2], [0, 1.65, 0]),
      ...one(box(4.2, 1.5, 1.2), -2.1, -0.9, 0.05),
    ],
  ],
};

function one(solid: Solid, ...at: Point): Placed[] {
  return [[solid, at]];
}

function row(solid: Solid, count: number, from: Point, step: Point): Placed[] {
  return pile(solid, step[0] ? [count, 1, 1] : [1, count, 1], from, step);
}

/** Rows of rows on rows: how many to the right, to the left and up, each so far from the last. */
function pile(solid: Solid, [right, left, up]: Point, [x, y, z]: Point, [dx, dy, dz]: Point): Placed[] {
  const placed: Placed[] = [];
  for (let k = 0; k < up; k++)
    for (let j = 0; j < left; j++)
      for (let i = 0; i < right; i++) placed.push([solid, [x + i * dx, y + j * dy, z + k * dz]]);
  return placed;
}

/** Rolls that lie on each other, one fewer in each layer. @param gap from one axis to the next */
function pyramid(solid: Solid, count: number, [x, y, z]: Point, gap: number): Placed[] {
  const placed: Placed[] = [];
  for (let layer = 0; layer < count; layer++)
    for (let i = 0; i < count - layer; i++)
      placed.push([solid, [x, y - (count - 1 - i - layer / 2) * gap, z + layer * gap * 0.87]]);
  return placed;
}

function crates([x, y, z]: Point): Placed[] {
  const crate: Placed[] = [0, 0.4, 0.8].map((height) => [box(1.7, 2.2, 0.28), [x, y, z + height]]);
  return [
    [0, 0],
    [1.95, 0],
    [0, 1.2],
    [1.95, 1.2],
  ].flatMap(([right = 0, up = 0]) => crate.map(([solid, [cx, cy, cz]]): Placed => [solid, [cx + right, cy, cz + up]]));
}

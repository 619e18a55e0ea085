export type Series = { name: string; points: [x: number, y: number][] };

const [WIDTH, HEIGHT] = [640, 300];
const EDGE = { left: 56, right: 150, top: 44, bottom: 44 };
// Told apart by dash and mark as well as by colour.
const LOOKS = [
  { colour: "#c2410c", dash: "", mark: 4 },
  { colour: "#64748b", dash: "6 4", mark: 3 },
];

/**
 * A line chart as SVG, for a page or a document, light or dark.
 * @param x what is along the bottom, on a logarithmic scale; so is what is up the side, where it differs very much
 */
export function chart(title: string, x: string, y: string, series: Series[]): string {
  const all = series.flatMap(({ points }) => points);
  const [least, most] = [Math.min(...all.map(([at]) => at)), Math.max(...all.map(([at]) => at))];
  const values = all.map(([, value]) => value);
  const top = niceAbove(Math.max(...values));
  const floor = top / Math.min(...values) > 50 ? 10 ** Math.floor(Math.log10(Math.min(...values))) : 0;
  const share = (value: number) => (floor ? Math.log(value / floor) / Math.log(top / floor) : value / top);
  const [right, bottom] = [WIDTH - EDGE.right, HEIGHT - EDGE.bottom];
  const atX = (value: number) =>
    round(EDGE.left + (Math.log(value / least) / Math.log(most / least || Math.E)) * (right - EDGE.left));
  const atY = (value: number) => round(bottom - share(value) * (bottom - EDGE.top));
  const lines = [floor, floor ? Math.sqrt(floor * top) : top / 2, top].map(
    (value) =>
      `<path class="rule" d="M${EDGE.left} ${atY(value)}H${right}"/><text x="${EDGE.left - 8}" y="${atY(value) + 4}" text-anchor="end">${Math.round(value).toLocaleString("en-GB")}</text>`,
  );
  const ticks = [...new Set(all.map(([at]) => at))].map(
    (at) => `<text x="${atX(at)}" y="${bottom + 18}" text-anchor="middle">${at.toLocaleString("en-GB")}</text>`,
  );
  const drawn = series.map(({ name, points }, n) => {
    const { colour, dash, mark } = LOOKS[n % LOOKS.length] as (typeof LOOKS)[number];
    const path = points.map(([px, py]) => `${atX(px)} ${atY(py)}`).join("L");
    const dots = points.map(([px, py]) => `<circle cx="${atX(px)}" cy="${atY(py)}" r="${mark}" fill="${colour}"/>`);
    const [endX, endY] = points.at(-1) ?? [least, 0];
    return `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>${dots.join("")}
<text class="name" x="${atX(endX) + 10}" y="${atY(endY) + 4}" style="fill:${colour}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
<style>text{font:12px system-ui,sans-serif;fill:#334155}.title{font-weight:600;font-size:14px}.name{font-weight:600}.rule{stroke:#94a3b8;stroke-opacity:.4}@media(prefers-color-scheme:dark){text{fill:#cbd5e1}}</style>
<text class="title" x="${EDGE.left}" y="20">${title}</text>
<text x="${EDGE.left}" y="${EDGE.top - 8}">${y}</text>
${lines.join("\n")}
${ticks.join("\n")}
<text x="${right}" y="${HEIGHT - 8}" text-anchor="end">${x}</text>
${drawn.join("\n")}
</svg>
`;
}

function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 6, 8, 10].map((step) => step * power).find((nice) => nice >= value) ?? value;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

import type { ListingInput } from "./marketplace/listing-form.ts";

/** What Sol sells: metal. One lot a line: title, category, quantity, price of one unit, place, description. */
export const solsStock = parse(`
Copper cathode, Grade A | metals | 75 t | EUR 8620.00 | Rotterdam, Netherlands | LME registered brand, 99.99 % Cu, in bond. Lots of 25 t, assay certificate with each lot.
Hot-rolled steel coil S235JR, 3 mm | metals | 180 t | EUR 642.50 | Antwerp, Belgium | Prime mill stock, 1,500 mm wide, coils of 20 to 24 t. Mill certificate EN 10204 3.1.
Aluminium sheet 5754 H22, 2 mm | metals | 9200 kg | EUR 3.85 | Duisburg, Germany | 3,000 × 1,500 mm, PVC film on one side, bundles of 1,000 kg.
Stainless tube 304L, 42.4 × 2 mm | metals | 4800 m | EUR 7.20 | Bilbao, Spain | Welded, ground 240, lengths of 6 m. Surplus from a finished railing project.
Brass rod CW614N, 20 mm | metals | 3600 kg | EUR 6.95 | Brescia, Italy | Free-cutting rod for turned parts, lengths of 3 m, sealed bundles.
Galvanised steel sheet DX51D, 1 mm | metals | 62 t | EUR 798.00 | Antwerp, Belgium | Z275, oiled, 2,500 × 1,250 mm, packs of 3 t under roof since delivery.
Zinc ingots SHG 99.995 % | metals | 50 t | USD 2745.00 | Rotterdam, Netherlands | Bundles of 1 t, strapped. Warehouse warrants available.
Tool steel plate 1.2379, 60 mm | metals | 2400 kg | GBP 4.65 | Sheffield, United Kingdom | Annealed, sawn edges. Can be cut to size within three working days.
Rebar B500B, 12 mm | metals | 140 t | PLN 2490.00 | Gdańsk, Poland | Lengths of 12 m, bundles of 2 t, from a cancelled building site. Rust film only.
Titanium Grade 2 round bar, 50 mm | metals | 640 kg | EUR 34.80 | Lyon, France | ASTM B348, ultrasonically tested, lengths of 2 to 3 m, certificate 3.1.
Nickel briquettes 99.8 % | metals | 12 t | USD 15980.00 | Rotterdam, Netherlands | Drums of 250 kg on pallets, LME grade.
Used CNC lathe, 2016, bar feeder included | machinery | 1 pcs | EUR 38500.00 | Stuttgart, Germany | 11,400 spindle hours, last service in May. Can be seen under power until the end of the month.
`);

/** What Rita sells: everything else. */
export const ritasStock = parse(`
Spruce construction timber C24, 60 × 120 mm | timber | 85 m³ | EUR 318.00 | Graz, Austria | Kiln-dried to 15 %, planed, lengths of 4 and 5 m, FSC certified.
Birch plywood BB/BB, 18 mm | timber | 22 pallets | EUR 1480.00 | Riga, Latvia | 2,500 × 1,250 mm, 40 sheets a pallet, exterior glue.
Oak flooring strips, unfinished, 15 mm | timber | 1250 m² | EUR 27.90 | Zagreb, Croatia | Rustic grade, 70 mm wide, tongue and groove on four sides.
HDPE granulate, natural, injection grade | plastics | 44 t | EUR 1090.00 | Antwerp, Belgium | MFI 8, bags of 25 kg on pallets of 1,375 kg. Off-grade for colour only.
PET flakes, clear, hot-washed | plastics | 66 t | EUR 740.00 | Verona, Italy | Food-contact process, PVC below 50 ppm, big bags of 1.1 t.
Cotton canvas 340 g, ecru | textiles | 5600 m | EUR 4.15 | Porto, Portugal | 160 cm wide, rolls of 80 m, OEKO-TEX. Remainder of a cancelled order.
Stretch film, 23 µm, 500 mm | packaging | 14 pallets | EUR 895.00 | Verona, Italy | Hand rolls, 46 boxes of 6 on each pallet.
Corrugated boxes FEFCO 0201, 400 × 300 × 200 | packaging | 320 boxes | EUR 18.60 | Lille, France | Single wall, unprinted, 25 to a box. Dry storage.
Extra virgin olive oil, 2025 harvest | food | 18000 l | EUR 5.75 | Jaén, Spain | Picual, acidity 0.3 %, IBC of 1,000 l, analysis on request. Best before May 2027.
White crystal sugar EU2 | food | 120 t | EUR 565.00 | Gdańsk, Poland | Bags of 50 kg, lot traceable to the factory, kosher certificate.
LED panel 60 × 60, 36 W, 4000 K | electronics | 2150 pcs | EUR 11.40 | Eindhoven, Netherlands | UGR below 19, driver included, CE. Overstock, original cartons of 6.
Copy paper A4, 80 g | paper | 48 pallets | SEK 7650.00 | Malmö, Sweden | 100,000 sheets a pallet, CIE 161, PEFC.
`);

function parse(lots: string): ListingInput[] {
  return lots.trim().split("\n").map(lot);
}

function lot(line: string): ListingInput {
  const [title = "", category = "", amount = "", price = "", location = "", description = ""] = line.split(" | ");
  const [quantity, unit = ""] = amount.split(" ");
  const [currency = "", decimal] = price.split(" ");
  const priceMinor = Math.round(Number(decimal) * 100);
  return { title, category, quantity: Number(quantity), unit, priceMinor, currency, location, description };
}

import { Eta, type TemplateFunction } from "eta";

/**
 * The templates of a folder. They name each other by whole paths, such as '/shared/icon', so each has to be found only
 * once; and a line break between tags is no more than a space, but would cost a fragment on the stream a line of its own.
 * @param folder where they are
 * @param kept whether a template is read once; otherwise anew each time, for whoever works on it
 */
export function createTemplates(folder: string, kept: boolean): Eta {
  return new Templates(kept, { views: folder, plugins: [{ processAST: onOneLine }] });
}

class Templates extends Eta {
  readonly #found = new Map<string, TemplateFunction>();
  readonly #kept: boolean;

  constructor(kept: boolean, config: ConstructorParameters<typeof Eta>[0]) {
    super(config);
    this.#kept = kept;
  }

  override render = (name: string | TemplateFunction, data: object): string =>
    (typeof name === "string" ? this.#find(name) : name).call(this, data, {});

  #find(name: string): TemplateFunction {
    const found = this.#found.get(name);
    if (found) return found;
    const filepath = this.resolvePath?.(name) ?? name;
    const made = this.compile(this.readFile?.(filepath) ?? "", { filepath });
    if (this.#kept) this.#found.set(name, made);
    return made;
  }
}

// Between the tags Eta writes a line break as in a string of a script.
function onOneLine<Piece>(pieces: Piece[]): Piece[] {
  return pieces.map((piece) => (typeof piece === "string" ? (piece.replace(/\s*\\n\s*/g, " ") as Piece) : piece));
}

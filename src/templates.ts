import { Eta, type TemplateFunction } from "eta";

/**
 * The templates of a folder. They name each other by whole paths, such as '/shared/icon', so each has to be found only
 * once; and how they are set out in lines is for those who write them: nobody is sent it, see onOneLine.
 * @param folder where they are
 * @param kept whether a template is read once; otherwise anew each time, for whoever works on it
 */
export function createTemplates(folder: string, kept: boolean): Eta {
  return new Templates(kept, { views: folder, autoTrim: false, plugins: [{ processAST: onOneLine }] });
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

type Piece = string | { t: string };

/**
 * A line break beside a tag, of markup or of a template, is nothing, and one between words is a space: a space that is to
 * be seen between two tags stands on their line. Words are whatever a template puts in as text, too.
 */
function onOneLine<P extends Piece>(pieces: P[]): P[] {
  const isWord = (piece?: Piece) => typeof piece === "object" && piece.t === "i";
  return pieces.map((piece, at) => {
    if (typeof piece !== "string") return piece;
    // Here Eta writes a line break as in a string of a script.
    return piece.replace(/(?:\s*\\n)+\s*/g, (run, start) => {
      const end = start + run.length;
      const before = start === 0 ? isWord(pieces[at - 1]) : piece[start - 1] !== ">";
      const after = end === piece.length ? isWord(pieces[at + 1]) : piece[end] !== "<";
      return before && after ? " " : "";
    }) as P;
  });
}

import { readFileSync } from "node:fs";
import { join } from "node:path";

const IMPORT = /^import \{([^}]*)\} from "\.\/([\w-]+\.js)";\n/gm;
const EXPORT = /^export ((?:async )?(?:function\*?|class|const) (\w+))/gm;
// Only whole lines and whole blocks at a line's start: what looks like a comment within a line may be part of a string.
const COMMENT = /^[ \t]*(?:\/\/.*|\/\*(?:(?!\*\/)[\s\S])*\*\/)\n/gm;
const UNKNOWN = /^[ \t]*(?:import|export)\b(?![.(]).*/m;

/**
 * One script in place of an entry and all modules that it imports, so that a first visit asks for one file and not for
 * forty: each module becomes a function that is run once and returns what it exports. It understands the forms that our
 * own modules use, and leaves comments out.
 * @param folder where the modules are
 * @param entry such as "app.js"
 * @throws Error for an import or export of another form, and for modules that import each other in a circle
 */
export function bundle(folder: string, entry: string): string {
  const made = new Map<string, string>();
  add(entry, []);
  return [...made.values()].join("");

  function add(file: string, within: string[]): void {
    if (made.has(file)) return;
    if (within.includes(file))
      throw new Error(`${[...within, file].join(" imports ")}: a circle cannot be put in order.`);
    const source = readFileSync(join(folder, file), "utf8");
    for (const [, , from = ""] of source.matchAll(IMPORT)) add(from, [...within, file]);
    made.set(file, scoped(file, source));
  }
}

/** A stylesheet without its comments. */
export function withoutComments(css: string): string {
  return css.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\n[ \t\n]+/g, "\n");
}

function scoped(file: string, source: string): string {
  const exported: string[] = [];
  const body = source
    .replace(COMMENT, "")
    .replace(
      IMPORT,
      (_all, names: string, from: string) => `const {${names.replaceAll(" as ", ": ")}} = ${nameOf(from)};\n`,
    )
    .replace(EXPORT, (_all, declared: string, name: string) => {
      exported.push(name);
      return declared;
    });
  const unknown = UNKNOWN.exec(body);
  if (unknown) throw new Error(`public/${file}: "${unknown[0]}" is of a form that bundle.ts does not know.`);
  return `const ${nameOf(file)} = (() => {\n${body}return { ${exported.join(", ")} };\n})();\n`;
}

function nameOf(file: string): string {
  return `$${file.replace(".js", "").replaceAll("-", "_")}`;
}

type Alert = { alert: string; expr: string; severity?: string; summary?: string; runbook?: string };

/** The alarms of a rules file, which has each field on a line of its own. */
export function alertsIn(yaml: string): Alert[] {
  const rules = yaml.split(/^ +- (?=alert:|record:)/m).slice(1);
  const field = (rule: string, name: string) => new RegExp(`\\b${name}: ?"?(.*?)"?(?: \\})?$`, "m").exec(rule)?.[1];
  return rules.flatMap((rule) => {
    const [alert, expr] = [field(rule, "alert"), field(rule, "expr")];
    if (!alert || !expr) return [];
    const [severity, summary, runbook] = ["severity", "summary", "runbook"].map((name) => field(rule, name) ?? "");
    return [{ alert, expr, severity, summary, runbook } as Alert];
  });
}

/** The names of figures in PromQL: what is no function, no word of the language, no label and no recorded ratio. */
export function figuresIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '""')
    .replace(/\{[^}]*\}/g, "")
    .replace(/\[[^\]]*\]/g, "");
  const names = bare
    .replace(/\b(?:by|on|without|ignoring) \([^)]*\)/g, "")
    .matchAll(/(?<![\w:])[a-z][\w:]*(?![\w:]|\s*\()/g);
  const words = ["and", "or", "unless", "by", "on", "sum", "max", "min"];
  const figures = [...names].map(([name]) => name).filter((name) => !words.includes(name) && !name.includes(":"));
  return figures.map((name) => name.replace(/_(?:bucket|sum|count)$/, ""));
}

/** The anchors of a page's headings, as they are made of the words. */
export function anchorsOf(markdown: string): string[] {
  const text = markdown.replace(/^ *```[\s\S]*?^ *```$/gm, "");
  const headings = [...text.matchAll(/^#{2,} (.+)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** A file of sections with a name and a value on each line. */
export function sectionsOf(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let current: Record<string, string> = {};
  for (const line of text.split("\n").filter((one) => !/^[#;]/.test(one))) {
    const [, title] = /^\[(.+)\]$/.exec(line) ?? [];
    if (title) sections[title] = current = {};
    const [, name, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name) current[name] = value;
  }
  return sections;
}

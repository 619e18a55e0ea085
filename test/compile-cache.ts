import path from "node:path";

/** Every process of the tests finds there what another has compiled; half of what a start costs is compiling. */
process.env.NODE_COMPILE_CACHE ??= path.join(import.meta.dirname, "../node_modules/.cache/node");
